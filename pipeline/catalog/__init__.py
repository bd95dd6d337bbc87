"""The list of all clips, and the skeletons that stages read by clip."""
