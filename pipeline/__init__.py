"""The Ray stages, the runs they make up, and the command line. The only package that knows Ray."""
