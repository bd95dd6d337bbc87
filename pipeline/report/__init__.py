"""What people look at: the page, its figures, and strips of single clips."""
