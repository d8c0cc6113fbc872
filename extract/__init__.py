"""From a video file to segment features: recipe, sampling, decoding, crops and the encoder.

Knows decord, PyAV, OpenCV, torch and open_clip; knows nothing of Ray, file formats or the model.
"""
