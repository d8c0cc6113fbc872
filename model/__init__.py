"""From segment features to anomaly scores: DSANet, its losses, optimisers, metrics and training.

Knows torch and open_clip's text tower; knows nothing of Ray, videos or file formats.
"""
