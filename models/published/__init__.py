"""Cards of weights, which say what they were made for, and the files that others publish, by kind."""
