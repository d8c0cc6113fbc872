"""Users' own labelled videos: how they are described, listed, and split without leaks."""

from stores.datasets.custom.dataset import DATASET

__all__ = ["DATASET"]
