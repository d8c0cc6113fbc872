"""DSANet (Yin et al., AAAI 2026, arXiv 2511.10334), a file for each box of the paper's figure."""
