"""Recordings that a CSV or Parquet table lists."""
