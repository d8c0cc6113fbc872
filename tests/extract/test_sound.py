"""Sound is kept where MP4 holds it, at the moments at which it was heard."""

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from extract.clock import Step
from extract.excerpt import cut_excerpt
from extract.excerpt_copy import Span
from extract.recipe import RECIPES
from extract.sound import read_sound
from extract.survey import survey

EVERY = replace(RECIPES["squash"], frames="mean16", tail="keep")
RATE = 48000
CLICK = 2.4  # seconds at which it is loud, and white


@pytest.fixture
def write_clicking(tmp_path):
    """Write 4 s of black and silence, with a white picture and a loud tone at one moment."""

    def write(name, codec, layout="mono"):
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            video = container.add_stream("libx264", rate=25, options={"g": "10", "bf": "0"})
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            sound = container.add_stream(codec, rate=RATE, layout=layout)
            for number in range(100):
                shade = 255 if number == round(CLICK * 25) else 0
                picture = np.full((48, 64, 3), shade, np.uint8)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                container.mux(video.encode(frame))
                count = RATE // 25
                tone = np.sin(np.arange(count) / 10) * 20000 * (shade > 0)
                heard = av.AudioFrame.from_ndarray(
                    tone.astype(np.int16)[np.newaxis], format="s16", layout=layout
                )
                heard.sample_rate, heard.pts, heard.time_base = (
                    RATE,
                    number * count,
                    Fraction(1, RATE),
                )
                container.mux(sound.encode(heard))
            container.mux(video.encode(None))
            container.mux(sound.encode(None))
        return str(path)

    return write


def moments(path):
    """When a file is white, and when it is loud."""
    with av.open(str(path)) as container:
        white = [
            f.time for f in container.decode(video=0) if f.to_ndarray(format="gray").mean() > 99
        ]
    loud = []
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            samples = np.abs(frame.to_ndarray().astype(float)).max(axis=0)
            scale = 1.0 if frame.format.name.startswith("flt") else 32768.0
            places = np.flatnonzero(samples > 0.3 * scale)
            loud += [frame.time + place / frame.sample_rate for place in places[:1]]
    return white[0], min(loud)


@pytest.mark.parametrize(
    ("name", "codec", "encode"),
    [
        ("aac.mp4", "aac", False),
        ("aac.mp4", "aac", True),
        ("aac.ts", "aac", False),
        ("aac.ts", "aac", True),
        ("mp3.mkv", "libmp3lame", False),
        ("mp3.avi", "libmp3lame", True),
        ("opus.mkv", "libopus", False),
        ("ac3.ts", "ac3", False),
    ],
)
def test_sound_and_picture_stay_together(write_clicking, read, tmp_path, name, codec, encode):
    path, target = write_clicking(name, codec), tmp_path / "clip.mp4"
    times = read(path, EVERY).times
    made = cut_excerpt(path, target, survey(path), times, Span(30, 50, 70, 90), encode=encode)
    kind = {"libmp3lame": "mp3", "libopus": "opus"}.get(codec, codec)
    assert (made.sound, made.remark) == (kind, "")
    white, loud = moments(target)
    assert white == pytest.approx(CLICK - times[made.first], abs=0.001)
    before = moments(path)
    assert loud - white == pytest.approx(before[1] - before[0], abs=0.03)  # a packet is 0.024 s


@pytest.mark.parametrize(("name", "codec"), [("law.avi", "pcm_mulaw"), ("raw.mkv", "pcm_s16le")])
def test_what_mp4_does_not_hold_is_left_out_and_said(write_clicking, read, tmp_path, name, codec):
    path, target = write_clicking(name, codec), tmp_path / "clip.mp4"
    made = cut_excerpt(path, target, survey(path), read(path, EVERY).times, Span(30, 50, 70, 90))
    assert (made.sound, made.remark) == ("", f"sound left out: MP4 has no place for {codec}")
    with av.open(str(target)) as container:
        assert [stream.type for stream in container.streams] == ["video"]


def test_of_no_sound_nothing_is_said_and_of_stepping_clocks_that_there_was_some(
    write_video, write_clicking
):
    with read_sound(survey(write_video()), 0.0, 1.0) as sound:
        assert (sound.codec, sound.remark, len(sound.packets)) == ("", "", 0)
    found = survey(write_clicking("aac.ts", "aac"))
    with read_sound(found, 50.0, 60.0) as sound:
        assert sound.remark == "sound left out: there is none in this stretch"
    found = replace(found, probe_info=replace(found.probe_info, steps=(Step(9, 3600.0),)))
    with read_sound(found, 1.0, 2.0) as sound:
        assert sound.remark == "sound left out: the file's clock steps"
