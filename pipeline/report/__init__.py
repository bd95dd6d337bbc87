"""The report: an HTML page, its figures, and strips of single clips."""
