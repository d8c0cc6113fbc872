"""Figures of scored videos against their truth; knows scores, not the head that made them."""
