"""Features on disk: shards, their catalog, and published archives.

This module imports nothing heavy, so that settings can name the forms of archives.
"""

from typing import Literal

CropsAxis = Literal["auto", "first", "second"]
"""Where crops lie in a published array of three axes."""

RowFrames = Literal[16, 8, 1]
"""Frames that a row of a published array stands for."""
