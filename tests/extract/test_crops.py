"""Crops, to the pixel against plain slicing, and CLIP's normalisation."""

from dataclasses import replace

import av
import cv2
import numpy as np
import pytest
import torch
from open_clip.transform import image_transform
from PIL import Image

from extract.crops import crop, cut_from, frame_size, normalise
from extract.decoders.pixels import resize, target_size
from extract.probe import probe
from extract.recipe import RECIPES
from extract.video import read_chunks

TEN, CENTRE, SQUASH = RECIPES["vadclip"], RECIPES["centre"], RECIPES["squash"]
ROWS = [(16, 58), (0, 0), (0, 116), (32, 0), (32, 116)]


def frames(height, width, count=2):
    shape = (count, height, width, 3)
    return np.random.default_rng(0).integers(0, 256, size=shape, dtype=np.uint8)


def test_ten_crops_come_in_the_published_order():
    source = frames(256, 340)
    got = crop(torch.from_numpy(source), TEN).numpy()
    plain = [source[:, top : top + 224, left : left + 224] for top, left in ROWS]
    expected = np.stack(plain + [cut[:, :, ::-1] for cut in plain], axis=1)
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got.transpose(0, 1, 3, 4, 2), expected)


@pytest.mark.parametrize(
    ("height", "width", "top", "left"),
    [(256, 340, 16, 58), (256, 343, 16, 60), (455, 256, 116, 16), (224, 224, 0, 0)],
)
def test_the_centre_is_cut_as_torchvision_cuts_it(height, width, top, left):
    source = frames(height, width, count=1)
    got = crop(torch.from_numpy(source), CENTRE).numpy()
    expected = source[:, top : top + 224, left : left + 224].transpose(0, 3, 1, 2)[:, None]
    np.testing.assert_array_equal(got, expected)


def test_bgr_swaps_red_and_blue_and_nothing_else():
    source = torch.from_numpy(frames(224, 224))
    swapped = crop(source, replace(SQUASH, channels="bgr"))
    assert torch.equal(swapped, crop(source, SQUASH)[:, :, [2, 1, 0]])


def test_frames_of_another_size_are_refused():
    with pytest.raises(ValueError, match="340×256 frames; got 224×224"):
        crop(torch.from_numpy(frames(224, 224)), TEN)
    with pytest.raises(ValueError, match="got 320×200"):
        crop(torch.from_numpy(frames(200, 320)), CENTRE)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float16, 2e-3), (torch.bfloat16, 2e-2)]
)
def test_normalising_is_the_formula_in_every_precision(dtype, tolerance):
    images = torch.from_numpy(frames(8, 8)).permute(0, 3, 1, 2)
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
    got = normalise(images, mean=mean, std=std, dtype=dtype)
    shape = (1, 3, 1, 1)
    expected = (images / 255 - torch.tensor(mean).view(shape)) / torch.tensor(std).view(shape)
    assert got.dtype == dtype
    torch.testing.assert_close(got.float(), expected, atol=tolerance, rtol=tolerance)


def plain_frames(path, count):
    with av.open(str(path)) as container:
        frames = (f.to_ndarray(format="rgb24") for f in container.decode(video=0))
        return [next(frames) for _ in range(count)]


def plain_crops(frame):
    """Cut a frame as the published script does: OpenCV's resize, numpy's slices."""
    small = cv2.resize(frame, (340, 256))
    five = [small[top : top + 224, left : left + 224] for top, left in ROWS]
    return np.stack(five + [cv2.flip(cut, 1) for cut in five])


@pytest.mark.data
@pytest.mark.parametrize("name", ["surveillance/Robbery2.mp4", "generic/demo.mp4"])
def test_ten_crops_of_a_real_video_are_opencvs_to_the_pixel(real_videos, name):
    recipe = RECIPES["vadclip"]
    chunk = next(read_chunks(str(real_videos[name]), recipe, chunk_frames=4))
    got = crop(torch.from_numpy(chunk.frames), recipe).permute(0, 1, 3, 4, 2).numpy()
    expected = np.stack([plain_crops(frame) for frame in plain_frames(real_videos[name], 4)])
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("size", [(720, 1280), (90, 161), (500, 333)])
@pytest.mark.parametrize(
    ("mode", "side", "way", "filter"),
    [
        ("squash336-bilinear", 336, "squash", "bilinear"),
        ("squash256-bicubic", 256, "squash", "bicubic"),
        ("fit224-bicubic", 224, "shortest", "bicubic"),
        ("fit336-bicubic", 336, "shortest", "bicubic"),
    ],
)
def test_a_models_own_way_is_open_clips_to_the_pixel(write_video, size, mode, side, way, filter):
    path = write_video("v.mkv", size=size[::-1], codec="ffv1", pixels="yuv444p", frames=1)
    rough = np.random.default_rng(0).integers(0, 256, size=(9, 16, 3), dtype=np.uint8)
    picture = cv2.resize(rough, size[::-1], interpolation=cv2.INTER_CUBIC)
    transform = image_transform(
        side, is_train=False, mean=(0, 0, 0), std=(1, 1, 1), resize_mode=way, interpolation=filter
    )
    expected = (transform(Image.fromarray(picture)) * 255).round().byte()
    recipe = replace(CENTRE, resize=mode)
    resized = resize(picture, target_size(probe(path), mode), mode)
    cut = cut_from(resized[np.newaxis], recipe)
    assert cut.shape[1:3] == frame_size(recipe) == (side, side)
    assert torch.equal(crop(torch.from_numpy(cut), recipe)[0, 0], expected)
