"""Chunks, and which decoder reads which file."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from extract.clock import Step
from extract.container import DecodeError
from extract.orientation import Orientation
from extract.probe import probe
from extract.recipe import RECIPES
from extract.video import choose_decoder, open_video, read_chunks

EVERY = replace(RECIPES["squash"], frames="mean16", tail="keep")
MIDDLE = replace(RECIPES["squash"], frames="middle", tail="keep")


@pytest.mark.parametrize("decoder", ["pyav", "decord"])
@pytest.mark.parametrize(
    ("frames", "tail", "expected"),
    [
        ("middle", "keep", [8, 24, 39]),
        ("middle", "drop", [8, 24]),
        ("first", "keep", [0, 16, 32]),
        ("mean16", "drop", list(range(32))),
    ],
)
def test_the_recipe_chooses_frames(
    write_video, frame_numbers, read, decoder, frames, tail, expected
):
    recipe = replace(EVERY, frames=frames, tail=tail)
    whole = read(write_video(frames=40), recipe, decoder=decoder)
    assert frame_numbers(whole.frames) == expected
    assert whole.times.size == 40
    assert whole.last.decoder == decoder


def test_chunks_have_the_length_asked_for_and_the_same_content(write_video, read):
    path = write_video(frames=40)
    chunks = list(read_chunks(path, EVERY, chunk_frames=10))
    assert [len(chunk.frames) for chunk in chunks] == [10, 10, 10, 10]
    whole = read(path, EVERY)
    assert np.array_equal(np.concatenate([chunk.frames for chunk in chunks]), whole.frames)
    assert np.array_equal(np.concatenate([chunk.times for chunk in chunks]), whole.times)


@pytest.mark.parametrize("frames", [1, 15])
@pytest.mark.parametrize("choice", ["mean16", "first", "middle"])
def test_a_video_shorter_than_a_segment_has_one(write_video, read, frames, choice):
    whole = read(write_video(frames=frames), replace(EVERY, frames=choice, tail="drop"))
    assert set(whole.segments.tolist()) == {0}
    assert whole.times.size == frames


def test_closing_early_releases_the_file(write_video):
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc to see open files")
    path = Path(write_video(frames=200))
    chunks = read_chunks(str(path), EVERY, chunk_frames=4)
    next(chunks)

    def is_open() -> bool:
        links = Path("/proc/self/fd").iterdir()
        return path in [link.readlink() for link in links if link.is_symlink()]

    assert is_open()
    chunks.close()
    assert not is_open()


def test_a_video_lasts_what_its_header_says_but_no_more_than_a_second_a_frame(write_video):
    video = open_video(write_video(frames=50), EVERY)
    assert video.seconds == pytest.approx(2.0)
    years = replace(video, probe_info=replace(video.probe_info, seconds=1e9))
    assert years.seconds == 50.0


def test_decord_is_refused_by_name_where_it_is_not_known_to_be_right(write_video, read):
    path = write_video("packed.avi", codec="mpeg4")
    with pytest.raises(DecodeError, match=r"packed\.avi: not a video for decord \(container avi\)"):
        read(path, EVERY, decoder="decord")


def test_auto_takes_decord_for_regular_strided_videos_of_few_keyframes_alone(write_video, read):
    path = write_video(frames=120, options={"x264-params": "scenecut=0"})
    assert read(path, MIDDLE).last.decoder == "decord"
    assert read(path, EVERY).last.decoder == "pyav"
    probe_info = probe(path)
    uneven = np.append(probe_info.timestamps[:-1], probe_info.timestamps[-1] * 2)
    assert choose_decoder(probe_info, MIDDLE) == "decord"
    assert choose_decoder(probe_info, EVERY) == "pyav"
    for changed in (
        {"hidden": 3},
        {"orientation": Orientation(mirrors_rows=True)},
        {"steps": (Step(100, -3600.0),)},
        {"keyframes": 10},
        {"codec": "mpeg4"},
        {"codec": "hevc"},
        {"timestamps": uneven},
        {"pixel_format": "yuv420p10le"},
        {"path": "caf\udce9.mp4"},
    ):
        assert choose_decoder(replace(probe_info, **changed), MIDDLE) == "pyav", changed


def test_after_a_corrupt_packet_the_good_frames_stay_whatever_decoder(write_video, read):
    path = Path(write_video("cut.mp4", frames=120, options={"x264-params": "scenecut=0:bframes=0"}))
    _overwrite_packets(path, first=0.5)
    ours, truth = read(path, MIDDLE), read(path, MIDDLE, decoder="pyav")
    assert ours.last.mismatch.endswith("to 4.8 s")
    assert ours.last.note.startswith("decord gave up")
    assert ours.last.decoded_frames + ours.last.lost_frames == 120
    assert 0 < ours.last.decoded_frames < 120
    assert ours.last.decoded_frames == truth.last.decoded_frames
    assert np.array_equal(ours.frames, truth.frames)
    assert np.array_equal(ours.times, truth.times)


@pytest.mark.parametrize("decoder", ["auto", "pyav"])
def test_nothing_decodable_is_an_error_that_names_the_file(write_video, read, decoder):
    path = Path(write_video("broken.mp4", frames=20))
    _overwrite_packets(path, first=0.0)
    with pytest.raises(DecodeError, match=r"broken\.mp4: no frame can be decoded \(.+\)"):
        read(path, EVERY, decoder=decoder)


def _overwrite_packets(path: Path, first: float) -> None:
    """Spoil an MP4's coded pictures from this share of them on; its index stays whole."""
    content = bytearray(path.read_bytes())
    start, end = content.index(b"mdat") + 4, content.index(b"moov") - 4
    start += int(first * (end - start))
    content[start:end] = b"\xff" * (end - start)
    path.write_bytes(content)


def test_chunks_of_nothing_are_refused(write_video, read):
    with pytest.raises(ValueError, match="chunk_frames must be 1 or more, got 0"):
        read(write_video(frames=1), EVERY, chunk_frames=0)


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.skipif(sys.platform != "linux", reason="reads the resident memory from /proc")
def test_memory_does_not_grow_with_the_length(real_videos):
    def resident() -> int:
        pages = Path("/proc/self/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    path = str(real_videos["surveillance/Robbery2.mp4"])
    chunks = read_chunks(path, EVERY, decoder="pyav", chunk_frames=32)
    next(chunks)
    before = resident()
    # All 960 frames of 150 kB would be 145 MB; a chunk of 32 is 5.
    assert max(resident() for _ in chunks) - before < 40e6
