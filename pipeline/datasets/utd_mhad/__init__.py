"""The dataset UTD-MHAD."""
