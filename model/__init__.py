"""From segment features to anomaly scores: heads, their losses, optimisers, metrics and training.

Knows torch and open_clip's text tower; knows nothing of Ray, videos or file formats.
"""
