"""Damaged files of every kind: what is lost, where, and that all the rest is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from extract.container import DecodeError
from extract.mp4 import write_proxy
from extract.recipe import RECIPES
from extract.stills import read_pictures, read_stills

EVERY = replace(RECIPES["squash"], frames="mean16", tail="keep")
MIDDLE = replace(RECIPES["squash"], frames="middle", tail="keep")
FRAMES = 75

FORMATS = {
    "h264.mp4": {"codec": "libx264"},
    "h264.mov": {"codec": "libx264", "options": {"bf": "0"}},
    "h264.mkv": {"codec": "libx264"},
    "h264.ts": {"codec": "libx264"},
    "h264.avi": {"codec": "libx264", "options": {"bf": "0"}},
    "h264.flv": {"codec": "libx264"},
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none"}},
    "hevc.ts": {"codec": "libx265", "options": {"x265-params": "log-level=none"}},
    "mpeg4.avi": {"codec": "mpeg4"},
    "mpeg4.mp4": {"codec": "mpeg4"},
    "mjpeg.avi": {"codec": "mjpeg", "pixels": "yuvj420p"},
    "mjpeg.mov": {"codec": "mjpeg", "pixels": "yuvj420p"},
    "mpeg2.ts": {"codec": "mpeg2video"},
    "mpeg2.mpg": {"codec": "mpeg2video"},
    "vp8.webm": {"codec": "libvpx"},
    "vp9.webm": {"codec": "libvpx-vp9"},
    "av1.mkv": {"codec": "libsvtav1"},
    "wmv.asf": {"codec": "wmv2"},
    "ffv1.mkv": {"codec": "ffv1"},
}
PLACES = {"head": [1], "middle": [37, 38, 39], "tail": [70]}
START = {"start": [0, 1]}
LOSSY = ("mpeg4.avi", "mpeg4.mp4", "mpeg2.mpg", "mpeg2.ts", "vp8.webm", "wmv.asf")


def count(ffmpeg: Callable[..., bytes], path: str) -> int:
    """Return how many frames ffprobe reads."""
    wanted = ["-count_frames", "-select_streams", "v:0", "-show_entries", "stream=nb_read_frames"]
    return int(ffmpeg("ffprobe", *wanted, "-of", "csv=p=0", path).split()[0].strip(b","))


def count_past_errors(path: str) -> int:
    """Count frames by a loop of its own, which passes over what does not decode."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        count = 0
        for packet in container.demux(stream):
            try:
                count += len(stream.decode(packet))
            except av.FFmpegError:  # noqa: PERF203 - is what is counted past
                continue
        return count


@pytest.fixture
def damaged(write_video, spoil) -> Callable[[str, str], str]:
    """Write a video of a format and spoil packets of it at a place."""

    def write(name: str, place: str) -> str:
        made = FORMATS[name]
        if made["codec"] not in av.codecs_available:
            pytest.skip(f"this FFmpeg does not write {made['codec']}")
        options = {"g": "25"} | made.get("options", {})
        path = write_video(name, frames=FRAMES, size=(96, 64), **made | {"options": options})
        spoil(path, (PLACES | START)[place])
        return path

    return write


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", FORMATS)
def test_damage_costs_its_own_pictures_and_not_the_rest(damaged, frame_numbers, read, name, place):
    path = damaged(name, place)
    whole = read(path, EVERY)
    audit = whole.last
    assert audit.decoded_frames == count_past_errors(path)
    # What is broken in MPEG-TS and MPEG-PS may take the mark of its packet with it.
    assert audit.decoded_frames + audit.lost_frames == audit.expected_frames
    assert audit.expected_frames == FRAMES or name.endswith((".ts", ".mpg"))
    assert audit.status == ("mismatch" if audit.lost_frames else "ok")
    numbers = np.rint(whole.times * 25).astype(int)
    assert np.all(np.diff(numbers) > 0)
    assert numbers[-1] >= FRAMES - 6  # of 3 s, whatever was lost before
    if audit.lost_frames and audit.expected_frames == FRAMES:
        assert f"{audit.lost_frames} frame" in audit.mismatch
        lost = np.setdiff1d(np.arange(FRAMES), numbers)
        assert (lost[0] / 25, lost[-1] / 25) == pytest.approx(
            (audit.lost[0].start, audit.lost[-1].end), abs=0.002
        )
    # Soon after the keyframe behind the damage the right pictures stand at their times.
    seen = np.array(frame_numbers(whole.frames))
    intact = numbers < 36 if place == "tail" else numbers >= 53
    assert np.all(np.abs(seen - numbers % 40)[intact] <= (2 if name in LOSSY else 0))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", [n for n in FORMATS if not n.startswith(("hevc", "av1"))])
def test_as_many_frames_are_read_as_ffprobe_counts(damaged, ffmpeg, read, name, place):
    # Of HEVC and AV1, versions of FFmpeg show more or less behind damage, until a keyframe.
    path = damaged(name, place)
    assert read(path, EVERY).last.decoded_frames == pytest.approx(count(ffmpeg, path), abs=1)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["h264.mp4", "h264.mov", "h264.mkv", "hevc.mp4"])
def test_whichever_decoder_reads_damage_gives_the_same(damaged, read, name, place):
    path = damaged(name, place)
    truth, ours = read(path, MIDDLE, decoder="pyav"), read(path, MIDDLE)
    assert np.array_equal(ours.frames, truth.frames)
    assert np.array_equal(ours.times, truth.times)
    assert ours.last.mismatch == truth.last.mismatch


@pytest.mark.parametrize("name", ["sound.mp4", "sound.mkv", "sound.avi", "sound.ts"])
def test_damaged_sound_costs_no_picture(tmp_path, read, name):
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("mp2", rate=44100)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1152), np.int16), layout="mono")
        silence.sample_rate = 44100
        for index in range(FRAMES):
            grey = np.full((48, 64, 3), index, dtype=np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
            silence.pts = index * 1152
            container.mux(sound.encode(silence))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))
    content = path.read_bytes()
    with av.open(str(path)) as container:
        packets = [bytes(p)[:8] for p in container.demux(audio=0) if p.size]
    assert content.count(packets[9]) > 50
    path.write_bytes(content.replace(packets[9], bytes(8)))
    audit = read(path, EVERY).last
    assert (audit.decoded_frames, audit.mismatch) == (FRAMES, "")


@pytest.mark.parametrize("name", ["h264.ts", "h264.mov", "mpeg4.avi", "vp8.webm", "mpeg2.mpg"])
def test_without_its_first_keyframe_a_video_begins_where_it_can(write_video, tmp_path, read, name):
    options = {"g": "25"} | FORMATS[name].get("options", {})
    whole = write_video(f"whole-{name}", frames=FRAMES, **FORMATS[name] | {"options": options})
    path = str(tmp_path / name)
    with av.open(whole) as source, av.open(path, "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(video=0)):
            if number and packet.size:
                packet.stream = stream
                target.mux(packet)
    read_of_it = read(path, EVERY)
    audit = read_of_it.last
    assert audit.decoded_frames == count_past_errors(path)
    assert audit.decoded_frames + audit.lost_frames == audit.expected_frames
    if audit.lost_frames:
        assert audit.lost[0].start == 0.0
        assert read_of_it.times[0] == pytest.approx(audit.lost[0].end + 0.04, abs=0.002)


def test_a_lost_index_costs_nothing(write_video, read):
    path = Path(write_video("video.avi", codec="mpeg4", frames=FRAMES))
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"idx1")])
    assert read(path, EVERY).last.decoded_frames == FRAMES


def test_an_mp4_without_its_index_is_refused_by_name(write_video, read):
    path = Path(write_video("video.mp4", frames=FRAMES))
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"moov") - 4])
    with pytest.raises(DecodeError, match=r"video\.mp4: not a video that FFmpeg can open"):
        read(path, EVERY)


def test_where_nothing_decodes_any_more_reading_ends(write_video, spoil, read, monkeypatch):
    path = write_video("video.avi", codec="mpeg4", frames=FRAMES)
    spoil(path, range(30, FRAMES))
    assert read(path, EVERY).last.lost_frames == 45
    monkeypatch.setattr("extract.packets.MOST_UNDECODABLE", 20)
    audit = read(path, EVERY).last
    assert (audit.status, audit.decoded_frames, audit.lost_frames) == ("partial", 30, 0)


def test_a_video_without_its_first_picture_is_read_and_one_without_any_refused(
    write_video, spoil, read
):
    path = write_video("video.mp4", codec="mpeg4", frames=FRAMES)
    spoil(path, [0])
    assert read(path, EVERY).last.lost_frames == 1
    spoil(path, range(1, FRAMES))
    with pytest.raises(DecodeError, match=r"video\.mp4: (no frame can be|.* holds no picture)"):
        read(path, EVERY)


@pytest.mark.data
@pytest.mark.parametrize("name", ["hard/corrupted.mp4", "hard/no_timescale.mp4"])
def test_real_damaged_files_are_read_to_their_end(real_videos, ffmpeg, read, name):
    path = str(real_videos[name])
    audit = read(path, MIDDLE).last
    assert audit.decoded_frames == count_past_errors(path)
    assert audit.decoded_frames == pytest.approx(count(ffmpeg, path), abs=2)
    assert (audit.status, audit.lost_frames > 0) == ("mismatch", True)


@pytest.mark.parametrize("place", ["start", "middle"])
@pytest.mark.parametrize("name", ["h264.mp4", "mpeg4.avi", "mpeg4.mp4"])
def test_pictures_and_copies_go_on_behind_damage_as_scores_do(damaged, read, tmp_path, name, place):
    path = damaged(name, place)
    times = read(path, EVERY).times
    pictures = list(read_pictures(path))
    assert len(pictures) == len(times)
    stills = read_stills(path, [float(times[10]), float(times[-5])], height=64)
    np.testing.assert_allclose(stills[0], pictures[10], atol=3)
    np.testing.assert_allclose(stills[1], pictures[-5], atol=3)
    write_proxy(path, tmp_path / "copy.mp4")
    with av.open(str(tmp_path / "copy.mp4")) as container:
        copied = [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]
    np.testing.assert_allclose(copied, times, atol=0.001)


def test_a_long_stretch_of_damage_is_a_gap_in_the_times(write_video, spoil, read):
    path = write_video("video.avi", codec="mpeg4", frames=400, options={"g": "25"})
    spoil(path, range(30, 330))
    whole = read(path, EVERY)
    assert whole.last.mismatch == "300 frames lost at 1.2 to 13.2 s"
    assert np.diff(whole.times).max() == pytest.approx(301 / 25)
    assert whole.times[-1] == pytest.approx(399 / 25)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.ts", "libx264"), ("a.mkv", "libx264"), ("a.mpg", "mpeg2video")]
)
def test_a_hole_in_a_file_costs_itself_and_is_marked(write_video, ffmpeg, read, name, codec):
    """MPEG-TS says "try again" of one, which was its end; of Matroska the hole was not told."""
    path = write_video(name, frames=1500, codec=codec, options={"g": "25"}, size=(160, 120))
    content = bytearray(Path(path).read_bytes())
    first, last = int(len(content) * 0.43), int(len(content) * 0.56)
    content[first:last] = bytes(last - first)
    Path(path).write_bytes(content)
    found = read(path, EVERY)
    assert found.last.status == "mismatch"
    assert "nothing is there at 2" in found.last.mismatch
    assert found.times[-1] == pytest.approx(60.0, abs=0.2)
    assert len(found.times) == pytest.approx(count(ffmpeg, path), abs=12)
    (hole,) = [place for place in found.last.lost if not place.frames]
    assert hole.end - hole.start == pytest.approx(8.0, abs=2.0)
