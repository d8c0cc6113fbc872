"""The generated data set: its plan, its views, its life, its incidents, its files."""

from stores.datasets.synthetic.dataset import DATASET

__all__ = ["DATASET"]
