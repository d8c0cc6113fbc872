"""The Ray stages, the runs they make up, and the command line. The only package that knows Ray."""

import os

# Before torch is imported anywhere: its OpenMP threads spin while they wait for one another, and on
# a machine that is busy with other work 10 seconds of training become 6 minutes.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Before Ray is imported anywhere: its processes on one machine listen on loopback and not on every
# interface. The variable is named for the systems on which Ray does so by itself.
if not os.environ.get("RAY_ADDRESS"):
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
