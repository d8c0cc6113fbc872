"""Folders of images as videos: frames, times, what is lost, and every way to look at them."""

import os
from dataclasses import replace

import av
import numpy as np
import pytest
from PIL import Image

from extract.container import DecodeError
from extract.header import read_header
from extract.images import find_images, read_image, read_image_stills
from extract.mp4 import write_proxy
from extract.probe import probe
from extract.recipe import RECIPES
from extract.stills import read_pictures, read_stills
from extract.video import open_video, read_chunks

RECIPE = replace(RECIPES["demo"], frames="mean16", tail="keep")


@pytest.fixture
def write_folder(tmp_path):
    """Write a folder of flat grey images, each as grey as its number times five, and return it."""

    def write(name="01_0015", numbers=range(40), form="{}.png", size=(64, 48)):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for number in numbers:
            Image.new("RGB", size, (5 * number % 256,) * 3).save(folder / form.format(number))
        return folder

    return write


def read(folder, rate=30.0, **options):
    chunks = list(read_chunks(str(folder), RECIPE, image_rate=rate, **options))
    frames = np.concatenate([chunk.frames for chunk in chunks])
    times = np.concatenate([chunk.times for chunk in chunks])
    return frames[:, 0, 0, 0].tolist(), times, chunks[-1].last


@pytest.mark.parametrize("form", ["{}.png", "{:03d}.png", "frame_{:06d}.bmp"])
def test_every_image_is_a_frame_in_natural_order_at_the_given_rate(write_folder, form):
    greys, times, audit = read(write_folder(form=form), rate=24.0)
    assert greys == [5 * number for number in range(40)]
    assert times == pytest.approx(np.arange(40) / 24)
    assert (audit.decoder, audit.expected_frames, audit.decoded_frames) == ("images", 40, 40)
    assert (audit.status, audit.note) == ("ok", "")


@pytest.mark.parametrize("name", ["01_Accident_001.mp4", "Normal_001.avi"])
def test_a_folder_may_be_named_as_a_video_and_be_short(write_folder, name):
    greys, _, audit = read(write_folder(name, range(1, 4)))
    assert greys == [5, 10, 15]
    assert audit.status == "ok"


def test_pixels_are_those_of_the_same_frames_in_a_video(tmp_path, real_videos):
    """A lossless copy of real footage as images gives the features' own input, bit for bit."""
    folder = tmp_path / "frames"
    folder.mkdir()
    with av.open(str(real_videos["generic/part_0.mp4"])) as container:
        for number, frame in enumerate(container.decode(video=0)):
            frame.to_image().save(folder / f"{number}.png")
    theirs = read_chunks(str(real_videos["generic/part_0.mp4"]), RECIPE, decoder="pyav")
    (ours,) = read_chunks(str(folder), RECIPE, chunk_frames=32)
    (expected,) = theirs
    assert np.abs(ours.frames.astype(int) - expected.frames.astype(int)).max() <= 3  # of rounding
    assert np.array_equal(ours.segments, expected.segments)


def test_a_missing_number_is_a_lost_frame_and_is_named(write_folder):
    numbers = [number for number in range(40) if number not in (7, 20, 21)]
    greys, times, audit = read(write_folder(numbers=numbers), rate=10.0)
    assert greys == [5 * number for number in numbers]
    assert times == pytest.approx(np.array(numbers) / 10)
    assert (audit.expected_frames, audit.lost_frames, audit.status) == (40, 3, "mismatch")
    assert [(round(lost.start, 6), lost.frames) for lost in audit.lost] == [(0.7, 1), (2.0, 2)]
    assert "3 frames lost at 0.7 s, 2.0 to 2.1 s (images 7, 20, 21 of 0 to 39 missing)" in (
        audit.mismatch
    )


@pytest.mark.parametrize("harm", ["empty", "text", "cut", "pipe", "gone", "folder", "deep"])
def test_a_bad_image_is_a_lost_frame(write_folder, harm):
    folder = write_folder(form="{:02d}.jpg", size=(320, 240))
    bad = folder / "13.jpg"
    content = bad.read_bytes()
    bad.unlink()
    if harm == "pipe":
        os.mkfifo(bad)
    elif harm == "gone":
        bad.symlink_to("/nowhere/13.jpg")
    elif harm == "folder":
        bad.mkdir()
    elif harm == "deep":
        Image.fromarray(np.full((240, 320), 40_000, np.uint16)).save(bad, format="png")
    else:
        bad.write_bytes({"empty": b"", "text": b"no image", "cut": content[:-300]}[harm])
    greys, times, audit = read(folder)
    assert len(greys) == 39
    assert (audit.lost_frames, audit.status) == (1, "mismatch")
    assert audit.lost[0].start == pytest.approx(13 / 30)
    assert times[13] == pytest.approx(14 / 30)


def test_first_and_last_images_may_be_bad(write_folder):
    folder = write_folder()
    (folder / "0.png").write_bytes(b"\x89PNG\r\n")
    (folder / "39.png").write_bytes(b"")
    greys, times, audit = read(folder)
    assert greys == [5 * number for number in range(1, 39)]
    assert times[0] == pytest.approx(1 / 30)
    assert (audit.expected_frames, audit.lost_frames) == (40, 2)


def test_images_of_which_none_opens_and_doubled_numbers_are_named(write_folder):
    folder = write_folder("a.mp4", range(3))
    for path in folder.iterdir():
        path.write_bytes(b"no image")
    with pytest.raises(DecodeError, match=r"a\.mp4: none of its 3 images can be read; .* 8 bits"):
        open_video(str(folder), RECIPE)
    double = write_folder("b", range(20))
    (double / "003.png").write_bytes((double / "3.png").read_bytes())
    with pytest.raises(DecodeError, match=r"003\.png and 3\.png are of one number; remove one"):
        open_video(str(double), RECIPE)
    empty = write_folder("c.mp4", [])
    with pytest.raises(DecodeError, match=r"c\.mp4: not a file but a folder"):
        open_video(str(empty), RECIPE)


def test_a_picture_over_the_limit_is_refused_before_it_is_decoded(write_folder):
    folder = write_folder("a.mp4", [])
    Image.new("1", (9000, 9000)).save(folder / "0.png")
    with pytest.raises(DecodeError, match="9000×9000 is over the limit"):
        probe(str(folder))
    assert read_image(folder / "0.png") is None


def test_numbers_that_are_dates_give_their_order_alone(write_folder):
    numbers = [1_600_000_000_000 + 1_000_003 * i * i for i in range(20)]
    folder = write_folder(numbers=numbers)
    found = find_images(str(folder))
    assert (found.frames, found.missing) == (20, "")
    _, times, audit = read(folder)
    assert times == pytest.approx(np.arange(20) / 30)
    assert audit.status == "ok"


def test_images_of_several_sizes_have_the_recipes_own(write_folder):
    folder = write_folder()
    Image.new("RGB", (100, 300), (200, 0, 0)).save(folder / "7.png")
    greys, _, audit = read(folder)
    assert greys[7] == 200
    assert audit.status == "ok"


def test_decord_says_that_it_does_not_read_them(write_folder):
    with pytest.raises(DecodeError, match=r"not a video for decord .container images"):
        list(read_chunks(str(write_folder()), RECIPE, decoder="decord"))


def test_header_and_probe_announce_the_same(write_folder):
    folder = str(write_folder(numbers=[0, 1, 3, *range(4, 20)]))
    header, known = read_header(folder, 10.0, quick=True), probe(folder, 10.0)
    assert (header.frames, header.seconds, header.container) == (20, 2.0, "images")
    assert header.missing == "image 2 of 0 to 19 missing"
    assert not header.plays_in_browsers
    assert (known.frames, known.seconds, known.is_regular) == (20, 2.0, True)


def test_pictures_stills_and_the_copy_for_browsers_show_the_images(write_folder, tmp_path):
    folder = write_folder(numbers=range(1, 41))
    (folder / "11.png").write_bytes(b"")
    assert [int(picture[0, 0, 0]) for picture in read_pictures(str(folder))] == [
        5 * number for number in range(1, 41) if number != 11
    ]
    stills = read_stills(str(folder), [0.0, 0.5, 1.0, 9.9], 24, 10.0)
    assert [still.shape for still in stills] == [(24, 32, 3)] * 4
    assert [int(still[0, 0, 0]) for still in stills] == [5, 30, 50, 200]  # 11 is bad: 10 is shown
    write_proxy(str(folder), tmp_path / "copy.mp4", 10.0)
    copy = probe(str(tmp_path / "copy.mp4"))
    assert copy.frames == 39
    assert copy.timestamps[-1] * copy.tick == pytest.approx(3.9)


def test_stills_of_images_of_which_none_decodes_are_an_error(write_folder):
    folder = write_folder(numbers=range(16), form="{}.jpg", size=(640, 480))
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:-400])
    assert find_images(str(folder)).size() == (640, 480)
    with pytest.raises(DecodeError, match="no picture decodes"):
        read_image_stills(find_images(str(folder)), [0])
    with pytest.raises(DecodeError, match="no frame can be decoded"):
        list(read_chunks(str(folder), RECIPE))
