"""UCF101: videos from the web."""
