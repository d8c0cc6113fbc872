"""The protocol probe: combinations that a test hides in a file, and mistakes told in words."""

import os
import signal
from dataclasses import replace

import av
import numpy as np
import open_clip
import pytest
import torch

from extract.container import DecodeError
from extract.crops import crop
from extract.decoders.pixels import resize
from extract.encoder import ClipEncoder, load_encoder
from extract.features import extract_video
from extract.killable import killable
from extract.protocol_search import match_features
from extract.recipe import RECIPES
from extract.video import read_chunks
from stores.records import VideoItem

MATRICES = {"bt601": "ITU601", "bt709": "ITU709"}


@pytest.fixture(scope="module")
def tiny():
    return load_encoder(RECIPES["demo"], "", "cpu")


def process_of(_):
    return os.getpid()


def publish(path, encoder, recipe, number=0):
    """Make one crop's features of a video as an extraction makes them: [S,D] float16."""
    item = VideoItem("hidden", str(path))
    chunks = read_chunks(str(path), recipe, decoder="pyav")
    return extract_video(item, chunks, encoder, recipe, batch=64).segments[number]


def draw(random):
    """Draw a recipe, and which of its crops is published."""
    recipe = RECIPES[random.choice(["vadclip", "centre", "squash"])]
    recipe = replace(
        recipe,
        frames=str(random.choice(["mean16", "first", "middle"])),
        channels=str(random.choice(["rgb", "bgr"])),
        tail=str(random.choice(["keep", "drop"])),
        l2_normalise=bool(random.integers(2)),
    )
    return recipe, int(random.integers(recipe.crop_count))


def is_hidden(match, recipe, number):
    """Say whether a match is the combination that was hidden; lengths of one frame are the same."""
    return (
        (match.image.recipe, match.image.crop) == (recipe.name, number)
        and match.image.channels == recipe.channels
        and match.frames == recipe.frames
        and match.normalised == ("frames" if recipe.l2_normalise else "nothing")
    )


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(
    "case", [0, *(pytest.param(case, marks=pytest.mark.long) for case in range(1, 20))]
)
def test_a_hidden_combination_is_found_again(real_videos, tiny, case):
    random = np.random.default_rng(case)
    videos = [p for n, p in real_videos.items() if n.startswith("surveillance/")]
    path = videos[case % len(videos)]
    recipe, number = draw(random)
    found = match_features(str(path), publish(path, tiny, recipe, number), tiny, rows=4)
    assert found.best.cosine > 0.9999
    assert found.best.length_fits
    assert recipe.tail in found.tails
    candidates = [m for m in (found.best, *found.equals) if m.image.matrix == found.own_matrix]
    assert any(is_hidden(match, recipe, number) for match in candidates)
    assert len(found.equals) < 24, "hardly anything was told apart"


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("matrix", ["bt601", pytest.param("bt709", marks=pytest.mark.long)])
def test_the_colour_matrix_is_found_whatever_the_file_says(real_videos, tiny, matrix):
    path = real_videos["surveillance/car-detection.mp4"]
    recipe = replace(RECIPES["squash"], frames="first")
    with av.open(str(path)) as container:
        rows = []
        for number, frame in enumerate(container.decode(video=0)):
            if number % 16 == 0:
                pixels = frame.to_ndarray(format="rgb24", src_colorspace=MATRICES[matrix])
                small = resize(pixels, (224, 224), "squash224")
                rows.append(tiny.encode(crop(torch.from_numpy(small[None]), recipe)[0])[0].numpy())
    found = match_features(str(path), np.stack(rows), tiny, rows=4)
    assert (found.best.image.recipe, found.best.image.matrix) == ("squash", matrix)
    assert found.best.frames == "first"


@pytest.mark.slow
def test_a_still_video_cannot_tell_the_frames_apart_and_says_so(write_video, tiny):
    path = write_video(frames=32, ticks=range(32), options={"crf": "0"}, size=(96, 96))
    published = publish(path, tiny, replace(RECIPES["squash"], frames="first"))
    found = match_features(path, published, tiny, rows=2)
    assert found.tails == ("drop", "keep")
    # A flat picture looks the same cut anywhere.
    assert {match.image.crop for match in (found.best, *found.equals)} >= {0, 5, 9}


@pytest.mark.slow
def test_features_of_something_else_are_not_explained(write_video, tiny):
    path = write_video(frames=40)
    random = np.random.default_rng(0).standard_normal((3, tiny.width))
    found = match_features(path, random, tiny, rows=3)
    assert not found.is_explained


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((5, 64), r"got 5 rows, but the 40 frames of .* make 2 \(tail dropped\) or 3 \(kept\)"),
        ((40, 64), "that is a row a frame"),
        ((3, 512), "of width 512, the encoder's is 64"),
        ((10, 3, 64), r"of shape \(10, 3, 64\), expected \[segments, width\] of one crop"),
        ((0, 64), r"of shape \(0, 64\)"),
    ],
)
def test_features_that_the_video_cannot_have_are_refused(write_video, tiny, shape, said):
    with pytest.raises(ValueError, match=said):
        match_features(write_video(frames=40), np.ones(shape), tiny, rows=2)
    with pytest.raises(ValueError, match="rows of zeros"):
        match_features(write_video(frames=40), np.zeros((3, 64)), tiny, rows=2)


@pytest.mark.data
@pytest.mark.long
@pytest.mark.timeout(900)  # 144 pictures through ViT-B/16, on a core that others use too
def test_a_real_vit_of_random_weights_tells_them_apart_too(real_videos, tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "vit.pt"
    torch.save(open_clip.create_model("ViT-B-16-quickgelu").state_dict(), path)
    recipe = replace(RECIPES["vadclip"], frames="middle", channels="bgr", weights="")
    encoder = load_encoder(recipe, str(path), "cpu")
    assert isinstance(encoder, ClipEncoder)
    video = real_videos["hard/video_90.mov"]  # 3 frames, turned by a quarter
    published = publish(video, encoder, recipe, number=7)
    found = match_features(str(video), published, encoder, rows=1)
    assert any(is_hidden(match, recipe, 7) for match in (found.best, *found.equals))


@pytest.mark.slow
def test_a_video_that_hangs_its_decoder_is_an_error_of_one_line(write_video, tiny):
    path = write_video(frames=16)
    os.kill(killable(process_of, path), signal.SIGSTOP)
    with pytest.raises(DecodeError, match=r"no answer within 1 s; decoder killed$"):
        match_features(path, np.ones((1, tiny.width)), tiny, rows=1, deadline=1.0)
