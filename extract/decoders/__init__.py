"""The decoders: a module each, which turns a probed file into resized pictures.

A new one is a module with ``read``, ``unfit_reason`` and ``is_preferred``, its name here, and its
line in the table of `extract.video`. Imports nothing heavy, so that settings can name decoders.
"""

from typing import Literal

Decoder = Literal["auto", "decord", "pyav"]
