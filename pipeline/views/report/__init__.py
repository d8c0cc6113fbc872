"""The report: a folder of pages to look at scores with, opened from disk, without any server."""
