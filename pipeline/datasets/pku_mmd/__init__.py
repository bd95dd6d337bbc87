"""PKU-MMD, its first phase."""
