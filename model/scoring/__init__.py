"""Scoring with any head: windows to scores of frames, scores to labelled events."""
