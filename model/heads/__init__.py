"""Heads, a folder each: what turns segment features into scores."""
