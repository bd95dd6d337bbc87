"""Two-dimensional poses estimated from a video: people found in each frame, followed, and put into slots."""
