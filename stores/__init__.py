"""What lies on disk: records, HDF5 shards, the catalog, Parquet scores and the data sets.

Uses numpy, h5py and pyarrow; knows nothing of tensors, Ray or the other packages.
"""
