"""The recipes against the plain way: a frame at a time, OpenCV, numpy and open_clip itself."""

from dataclasses import replace

import av
import cv2
import numpy as np
import open_clip
import pytest
import torch

from extract.crops import crop
from extract.encoder import load_encoder
from extract.recipe import RECIPES
from extract.video import read_chunks

CORNERS = ((16, 58), (0, 0), (0, 116), (32, 0), (32, 116))


def plain_frames(path, count):
    with av.open(str(path)) as container:
        frames = (f.to_ndarray(format="rgb24") for f in container.decode(video=0))
        return [next(frames) for _ in range(count)]


def plain_crops(frame):
    """Cut a frame as the published script does: OpenCV's resize, numpy's slices."""
    small = cv2.resize(frame, (340, 256))
    five = [small[top : top + 224, left : left + 224] for top, left in CORNERS]
    return np.stack(five + [cv2.flip(cut, 1) for cut in five])


@pytest.mark.data
@pytest.mark.parametrize("name", ["surveillance/Robbery2.mp4", "generic/demo.mp4"])
def test_ten_crops_of_a_real_video_are_opencvs_to_the_pixel(real_videos, name):
    recipe = RECIPES["vadclip"]
    chunk = next(read_chunks(str(real_videos[name]), recipe, chunk_frames=4))
    got = crop(torch.from_numpy(chunk.frames), recipe).permute(0, 1, 3, 4, 2).numpy()
    expected = np.stack([plain_crops(frame) for frame in plain_frames(real_videos[name], 4)])
    np.testing.assert_array_equal(got, expected)


@pytest.mark.data
@pytest.mark.long
def test_features_are_those_of_a_plain_loop_over_open_clip(real_videos, tmp_path):
    torch.manual_seed(0)
    model = open_clip.create_model("ViT-B-16-quickgelu").eval()
    path = tmp_path / "vit.pt"
    torch.save(model.state_dict(), path)
    (frame,) = plain_frames(real_videos["surveillance/Robbery2.mp4"], 1)
    crops = plain_crops(frame)[[0, 5, 1]]
    mean, std = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD
    with torch.inference_mode():
        plain = torch.cat(
            [
                model.encode_image(
                    torch.from_numpy(((one / 255 - mean) / std).astype(np.float32))
                    .permute(2, 0, 1)
                    .unsqueeze(0)
                )
                for one in crops
            ]
        )
    images = torch.from_numpy(crops).permute(0, 3, 1, 2)
    for precision, least in (("fp32", 0.9999), ("bf16", 0.999)):
        recipe = replace(RECIPES["vadclip"], weights="", precision=precision)
        features = load_encoder(recipe, str(path), "cpu").encode(images)
        assert torch.cosine_similarity(features, plain).min() >= least, precision
