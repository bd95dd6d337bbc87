"""The report as one HTML page: its sections, tables, maps of clips, and what its script reads."""
