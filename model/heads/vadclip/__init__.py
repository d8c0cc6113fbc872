"""VadCLIP (Wu et al., AAAI 2024, arXiv 2308.11681): DSANet's branches with learned prompts."""
