"""What weights are made for: their card, and the files that others publish, by kind."""
