"""Headers against the packet table of the same files."""

import pytest

from extract.container import DecodeError
from extract.header import read_header
from extract.probe import probe


@pytest.mark.data
def test_a_header_announces_about_what_the_packets_hold(real_videos):
    compared = 0
    for path in real_videos.values():
        if path.parent.name != "surveillance":
            continue
        facts, header = probe(str(path)), read_header(str(path))
        assert header.frames == pytest.approx(facts.frames, abs=2)
        assert header.seconds == pytest.approx(facts.frames / facts.rate, rel=0.05)
        assert (header.width, header.height) == (facts.width, facts.height)
        compared += 1
    assert compared == 10


@pytest.mark.data
@pytest.mark.parametrize(
    "name", ["result.webm", "Mpeg4.mp4", "afconvert-aac-0.5s.mp4", "fixture-corrupt.mkv"]
)
def test_what_no_decoder_could_read_is_refused_by_name(real_videos, name):
    with pytest.raises(DecodeError, match=name):
        read_header(str(real_videos[f"hard/{name}"]))


def test_a_written_video(write_video):
    header = read_header(write_video(frames=50, size=(64, 48), rate=25))
    assert (header.width, header.height, header.frames) == (64, 48, 50)
    assert header.seconds == pytest.approx(2.0, abs=0.05)
