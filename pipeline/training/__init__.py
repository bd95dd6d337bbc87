"""What a training leaves behind, how the cache keeps it, and which clips it may see."""
