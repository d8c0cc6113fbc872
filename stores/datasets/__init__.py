"""One module a data set; the file name is the registry (see :func:`stores.datasets.base.load`)."""
