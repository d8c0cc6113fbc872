"""The Ray engine: the only place that imports Ray."""
