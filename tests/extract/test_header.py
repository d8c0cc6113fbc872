"""Headers against the packet table of the same files."""

import os
import re
from pathlib import Path

import pytest

from extract.container import DecodeError
from extract.header import VideoHeader, read_header, read_headers
from extract.probe import probe


@pytest.mark.data
def test_a_header_announces_about_what_the_packets_hold(real_videos):
    compared = 0
    for path in real_videos.values():
        if path.parent.name != "surveillance":
            continue
        probe_info, header = probe(str(path)), read_header(str(path))
        assert header.frames == pytest.approx(probe_info.frames, abs=2)
        assert header.seconds == pytest.approx(probe_info.frames / probe_info.rate, rel=0.05)
        compared += 1
    assert compared == 10


@pytest.mark.data
@pytest.mark.parametrize(
    "name", ["result.webm", "Mpeg4.mp4", "afconvert-aac-0.5s.mp4", "fixture-corrupt.mkv"]
)
def test_what_no_decoder_could_read_is_refused_by_name(real_videos, name):
    with pytest.raises(DecodeError, match=name):
        read_header(str(real_videos[f"hard/{name}"]))


@pytest.mark.data
def test_a_quick_look_finds_the_same_of_real_videos(real_videos):
    compared = 0
    for path in real_videos.values():
        try:
            full = read_header(str(path))
        except DecodeError as error:
            with pytest.raises(DecodeError, match=re.escape(str(error))):
                read_header(str(path), quick=True)
            continue
        quick = read_header(str(path), quick=True)
        assert (quick.container, quick.codec) == (full.container, full.codec), path
        assert quick.frames == pytest.approx(full.frames, rel=0.02, abs=2), path
        assert quick.seconds == pytest.approx(full.seconds, rel=0.02, abs=0.2), path
        compared += 1
    assert compared > 20


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("video.mp4", "libx264"),
        ("video.mkv", "libx264"),
        ("video.avi", "mpeg4"),
        ("video.webm", "libvpx-vp9"),
        ("video.ts", "libx264"),
        ("video.mpg", "mpeg2video"),
        ("video.flv", "flv1"),
    ],
)
def test_a_quick_look_finds_the_same_in_every_container(write_video, name, codec):
    path = write_video(name, codec=codec, frames=50, rate=25)
    full, quick = read_header(path), read_header(path, quick=True)
    assert (quick.container, quick.codec, quick.frames) == (full.container, full.codec, full.frames)
    assert quick.seconds == pytest.approx(full.seconds, abs=0.1)


def test_a_written_video(write_video):
    header = read_header(write_video(frames=50, size=(64, 48), rate=25))
    assert header.frames == 50
    assert header.seconds == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "played"),
    [
        ("video.mp4", "libx264", "yuv420p", True),
        ("video.mp4", "libx264", "yuv444p", False),
        ("video.mkv", "libx264", "yuv420p", False),
        ("video.avi", "mpeg4", "yuv420p", False),
        ("video.webm", "libvpx-vp9", "yuv420p", True),
    ],
)
def test_what_browsers_play_is_known(write_video, name, codec, pixels, played):
    found = read_header(write_video(name, codec=codec, pixels=pixels))
    assert found.pixel_format == pixels
    assert found.plays_in_browsers == played


def test_a_format_of_another_kind_is_not_played():
    for container, codec in (("mov,mp4", "hevc"), ("mpegts", "h264")):
        assert not VideoHeader(container, codec, "yuv420p", 1, 1.0, 0.0).plays_in_browsers


def faulty(path):
    """Read a header by a decoder that some files hang, with the GIL held, and others crash."""
    name = Path(path).name
    if name == "hangs.mp4":
        re.match(r"(a+)+$", "a" * 64 + "b")
    if name == "crashes.mp4":
        os._exit(7)
    return read_header(path, quick=True)


def test_the_headers_of_many_files_are_in_their_order(write_video, tmp_path):
    video = Path(write_video(frames=50))
    paths = [tmp_path / f"{number}.mp4" for number in range(150)]
    for number, path in enumerate(paths):
        if number % 7 == 3:
            path.write_text("no video")
        else:
            path.hardlink_to(video)
    found = list(read_headers([*map(str, paths)]))
    assert [isinstance(each, DecodeError) for each in found] == [n % 7 == 3 for n in range(150)]
    assert {each.frames for each in found if isinstance(each, VideoHeader)} == {50}
    with pytest.raises(DecodeError) as refusal:
        read_header(str(paths[3]), quick=True)
    assert str(found[3]) == str(refusal.value)
    assert list(read_headers([])) == []


@pytest.mark.slow
def test_a_file_that_hangs_or_crashes_costs_its_own_header_alone(write_video):
    names = ("first.mp4", "hangs.mp4", "second.mp4", "crashes.mp4", "third.mp4")
    paths = [write_video(name) for name in names]
    first, hung, second, crashed, third = read_headers(
        paths, faulty, batch_deadline=1.0, deadline=10.0
    )
    assert first.frames == second.frames == third.frames == 40
    assert str(hung) == f"{paths[1]}: no answer within 10 s; decoder killed"
    assert str(crashed) == f"{paths[3]}: the decoder died (exit code 7)"
