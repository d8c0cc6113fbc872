"""The Ray stages, the runs they make up, and the command line. The only package that knows Ray."""

import os

# Before torch is imported anywhere: its OpenMP threads spin while they wait for one another, and on
# a machine that is busy with other work 10 seconds of training become 6 minutes.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
