"""People's own labelled videos: how they are described, listed, and split without leaks."""
