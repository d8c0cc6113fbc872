"""Scores on disk: Parquet parts of frames, events and videos, written and read back."""
