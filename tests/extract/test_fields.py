"""Pictures in two packets: field-coded H.264, as cameras of AVCHD and broadcasters write it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from extract.excerpt import cut_excerpt
from extract.excerpt_copy import Span
from extract.fields import FieldPairs
from extract.probe import probe
from extract.recipe import RECIPES
from extract.survey import survey

EVERY = replace(RECIPES["squash"], frames="mean16", tail="keep")
START = b"\0\0\0\1"
PATTERNS = {"fields": "P" * 20, "frames": "F" * 20, "adaptive": "PFFPPPFPFFFPPFPPFFPF"}
"""How each picture is coded: as a pair of fields or as a frame."""


class Bits:
    """Writes the bits of a NAL unit."""

    def __init__(self) -> None:
        self.text = ""

    def put(self, value: int, count: int) -> Bits:
        self.text += f"{value:0{count}b}"
        return self

    def numbers(self, *values: int) -> Bits:
        for value in values:
            self.put(value + 1, 2 * (value + 1).bit_length() - 1)
        return self

    def padded(self) -> bytes:
        self.text += "0" * (-len(self.text) % 8)
        return int(self.text, 2).to_bytes(len(self.text) // 8, "big")

    def unit(self, head: int, content: bytes = b"") -> bytes:
        text = self.text + ("" if content else "1")
        text += "0" * (-len(text) % 8)
        body = int(text, 2).to_bytes(len(text) // 8, "big") + content
        for end in (b"\0", b"\1", b"\2", b"\3"):
            body = body.replace(b"\0\0" + end, b"\0\0\3" + end)
        return START + bytes([head]) + body


def parameters() -> bytes:
    """Return the parameter sets of interlaced pictures of 32 by 32."""
    sequence = Bits().put(77, 8).put(0, 8).put(30, 8).numbers(0, 0, 2, 1).put(0, 1).numbers(1, 0)
    sequence.put(0b001_00, 5)  # fields, no adaptive macroblocks, direct inference, neither crop nor
    picture = Bits().numbers(0, 0).put(0, 2).numbers(0, 0, 0).put(0, 3).numbers(0, 0, 0)
    return sequence.unit(0x67) + picture.put(0b100, 3).unit(0x68)


def coded(number: int, grey: int, field: str) -> bytes:
    """Return a slice of plain samples: a frame (""), its upper ("u") or its lower field ("l")."""
    is_first = number == 0 and field != "l"
    bits = Bits().numbers(0, 7, 0).put(number % 16, 4)
    bits.put(1, 1).put(field == "l", 1) if field else bits.put(0, 1)
    bits = bits.numbers(0).put(0, 2) if is_first else bits.put(0, 1)
    bits.numbers(0, 1)  # quantiser, no deblocking
    sample = bytes([grey]) * 256 + b"\x80" * 128
    for _ in range(2 if field else 4):
        bits.numbers(25)
        bits.text += "0" * (-len(bits.text) % 8)
        bits.text += "".join(f"{byte:08b}" for byte in sample)
    return bits.unit(0x65 if is_first else 0x61)


@pytest.fixture
def write_fields(tmp_path):
    """Write a video whose pictures are coded by a pattern, a packet for each field."""

    def write(name: str, pattern: str) -> str:
        packets, times = [], []
        for number, kind in enumerate(pattern):
            for half, field in enumerate("ul" if kind == "P" else ("",)):
                packets.append(coded(number, 40 + 5 * number, field))
                times.append(2 * number + half)
        packets[0] = parameters() + packets[0]
        raw = tmp_path / "raw.h264"
        raw.write_bytes(b"".join(packets))
        if name.endswith(".h264"):
            return str(raw)
        path = tmp_path / name
        with av.open(str(raw)) as source, av.open(str(path), "w") as container:
            made = container.add_stream_from_template(source.streams.video[0])
            made.time_base = Fraction(1, 50)
            for time, end, data in zip(times, [*times[1:], 2 * len(pattern)], packets, strict=True):
                packet = av.Packet(data)
                packet.stream, packet.pts, packet.dts = made, time, time
                packet.time_base, packet.duration = Fraction(1, 50), end - time
                packet.is_keyframe = time == 0
                container.mux(packet)
        return str(path)

    return write


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("name", ["a.ts", "a.mp4", "a.mkv", "a.avi", "a.h264"])
def test_two_fields_are_one_frame(write_fields, read, name, pattern):
    path = write_fields(name, PATTERNS[pattern])
    probe_info, whole = probe(path), read(path, EVERY)
    assert probe_info.frames == whole.last.decoded_frames == 20
    assert whole.last.mismatch == ""
    greys = whole.frames.reshape(20, -1).mean(axis=1)
    np.testing.assert_allclose(np.diff(greys), 5 * 255 / 219, atol=1)
    if name.endswith((".ts", ".mp4", ".mkv")):
        np.testing.assert_allclose(whole.times, np.arange(20) / 25, atol=0.0011)
    if pattern == "fields" and name != "a.h264":
        assert probe_info.rate == pytest.approx(25)


@pytest.mark.parametrize("name", ["a.ts", "a.mp4", "a.mkv"])
def test_a_clip_shows_both_fields_as_one_frame(write_fields, read, tmp_path, name):
    path, target = write_fields(name, PATTERNS["adaptive"]), tmp_path / "clip.mp4"
    times = read(path, EVERY).times
    made = cut_excerpt(path, target, survey(path), times, Span(0, 8, 12, 16))
    assert (made.method, made.reason) == ("encoded", "its packets are not a picture each")
    clip = read(str(target), EVERY)
    np.testing.assert_allclose(clip.times, times[:16], atol=0.001)
    greys = clip.frames.reshape(16, -1).mean(axis=1)
    np.testing.assert_allclose(np.diff(greys), 5 * 255 / 219, atol=1.5)


def test_a_stream_without_fields_is_not_looked_at(write_video):
    for name in ("a.mp4", "a.ts"):
        with av.open(write_video(name)) as container:
            assert FieldPairs.of(container.streams.video[0].codec_context).number_bits == 0


@pytest.mark.parametrize("options", [{}, {"x264-params": "cqm=jvt"}])
def test_interlaced_frames_in_one_packet_are_whole(write_video, read, options):
    flags = {"flags": "+ildct+ilme"} | options
    path = write_video("a.mp4", options=flags, size=(64, 64))
    with av.open(path) as container:
        assert FieldPairs.of(container.streams.video[0].codec_context).number_bits > 0
    assert read(path, EVERY).last.mismatch == ""


@pytest.mark.parametrize("packets", [[20], [21], [20, 21]])
def test_a_frame_is_lost_with_one_of_its_fields(write_fields, spoil, read, packets):
    path = write_fields("a.mp4", PATTERNS["fields"])
    spoil(path, packets)
    audit = read(path, EVERY).last
    assert audit.decoded_frames == 19
    (lost,) = audit.lost  # as two: what a damaged packet held nobody knows
    assert (lost.start, lost.end) == pytest.approx((0.4, 0.42))


@pytest.mark.parametrize("header", [b"", b"\1" * 8, START + b"\x67", START + b"\x67" + bytes(40)])
def test_damaged_parameters_mean_frames(header):
    context = av.CodecContext.create("h264", "r")
    context.extradata = header
    assert FieldPairs.of(context).number_bits == 0


def mpeg2_picture(number: int, grey: int, structure: int) -> bytes:
    """Return an intra field of one grey, an upper one (1) or a lower one (2)."""
    head = Bits().put(number, 10).put(1, 3).put(0xFFFF, 16).put(0, 1)
    extension = Bits().put(8, 4).put(0xFFFF, 16).put(0, 2).put(structure, 2).put(0, 10)
    made = START[1:] + b"\0" + head.padded() + START[1:] + b"\xb5" + extension.padded()
    bits = Bits().put(8, 5).put(0, 1)
    for block in range(8):  # of two macroblocks: four of light, and then two of colour
        if block % 4 == 0:
            bits.put(3, 2)
        difference = grey - 128 if block == 0 else 0
        size = abs(difference).bit_length()
        bits.text += ["100", "00", "01", "101", "110", "1110", "11110", "111110"][size]
        if size:
            bits.put(difference if difference > 0 else difference + (1 << size) - 1, size)
        bits.put(2, 2)
        if block % 4 == 3:
            bits.put(0b0010_0010, 8)
    return made + START[1:] + b"\1" + bits.padded()


@pytest.mark.parametrize("name", ["a.m2v", "a.ts", "a.mpg", "a.mkv", "a.mp4"])
def test_two_fields_of_mpeg2_are_one_frame(tmp_path, read, name):
    sequence = Bits().put(32, 12).put(32, 12).put(0x13, 8).put(0x3FFFF, 18).put(1, 1).put(160, 13)
    extension = Bits().put(1, 4).put(0x48, 8).put(1, 3).put(0, 16).put(1, 1).put(0, 16)
    packets = [mpeg2_picture(n // 2, 40 + 5 * (n // 2), 1 + n % 2) for n in range(40)]
    start = START[1:] + b"\xb3" + sequence.padded() + START[1:] + b"\xb5" + extension.padded()
    packets[0] = start + packets[0]
    raw = tmp_path / "raw.m2v"
    raw.write_bytes(b"".join(packets))
    path = tmp_path / name
    with av.open(str(raw)) as source, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for time, data in enumerate(packets):
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts, packet.duration = stream, time, time, 1
            packet.time_base, packet.is_keyframe = Fraction(1, 50), True
            container.mux(packet)
    whole = read(path, EVERY)
    assert (whole.last.decoded_frames, whole.last.mismatch) == (20, "")
    greys = whole.frames.reshape(20, -1).mean(axis=1)
    np.testing.assert_allclose(np.diff(greys), 5 * 255 / 219, atol=1)


def test_fields_of_hevc_are_pictures_of_their_own(write_video, read):
    path = write_video(
        "a.mp4", codec="libx265", options={"x265-params": "log-level=none:interlace=tff"}
    )
    audit = read(path, EVERY).last
    assert (audit.expected_frames, audit.mismatch) == (audit.decoded_frames, "")
