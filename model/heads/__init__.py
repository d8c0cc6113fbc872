"""Heads, a folder each: what turns segment features into scores."""

DEFAULT = "dsanet"
"""The head that is trained where none is named."""
