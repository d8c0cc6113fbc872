"""Segment features on disk: HDF5 shards, their index and catalog, and the list beside them."""
