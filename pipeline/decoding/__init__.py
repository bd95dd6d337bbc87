"""Opening video files, and numbering the frames that they show."""
