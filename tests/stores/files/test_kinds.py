"""Real files of real formats, each under its own suffix, without one, and what no video is."""

from pathlib import Path
from random import Random

import pytest

from stores.files.kinds import is_doubtful, kind_by_content, kind_by_name, stem_of

NAMED = {
    "videos": "a.MP4 a.h264 a.264 a.avc a.h265 a.265 a.hevc a.dav a.m2v a.m1v a.mjpeg a.mjpg "
    "a.divx a.ogm a.f4v a.3g2 a.m2t a.trp a.dv a.rm a.nut a.y4m a.ts a.rmvb a.dvr-ms",
    "pictures": "a.JPG a.png a.heic",
    "sound": "a.mp3 a.m4a",
    "subtitles": "a.srt",
    "text": "a.csv videos.json",
    "archives": "a.zip a.tar.gz",
    "unfinished downloads": "a.mp4.part a.crdownload a.mp4.filepart a.avi.1",
    "hidden files": ".lock .DS_Store .a.mp4.Xy12Ab .mp4",
    "playlists": "a.m3u8 a.mpd",
    "features, scores and weights": "shard-0.h5 a.parquet model.safetensors",
    "files of an unknown kind": "a.ogg a.dat ch01 Film.One__#0-10_label_A",
}
CONTENT = {
    "videos": [
        b"\0\0\0\x20ftypisom",
        b"\0\0\0\x08wide\0\0",
        b"\x1a\x45\xdf\xa3\x9f",
        b"RIFF\1\2\3\4AVI LIST",
        b"FLV\x01\x05",
        b"\0\0\1\xba\x44",
        b"IMKH" + bytes(36) + b"\0\0\1\xba",
        b"\0\0\0\1\x67\x42",  # H.264
        b"\0\0\1\x09\xf0",
        b"\0\0\0\1\x40\x01\x0c",  # HEVC
        b"DHAV\xfd",
        b"YUV4MPEG2 W16",
        b"\x1f\x07\0\x3f",
        bytes(4) + b"\x47" + bytes(191) + b"\x47" + bytes(191) + b"\x47" + bytes(187),  # M2TS
    ],
    "pictures": [b"\xff\xd8\xff\xe0", b"\x89PNG\r\n", b"\0\0\0\x18ftypheic", b"RIFF\1\2\3\4WEBP"],
    "sound": [b"ID3\x04", b"RIFF\1\2\3\4WAVE", b"\0\0\0\x20ftypM4A ", b"fLaC"],
    "archives": [b"PK\3\4", b"\x1f\x8b\x08", b"a" * 257 + b"ustar"],
    "playlists": [
        b"ffconcat version 1.0\nfile a.mp4",
        b"#EXTM3U\n",
        b"\xef\xbb\xbf \n#EXTM3U",
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1",
        b'<?xml version="1.0"?>\n<!-- x -->\n<MPD xmlns="urn">',
    ],
    "text": ["héé".encode()[:-1], b"one\r\n\ttwo\x1b[0m", "a".encode("utf-16")],
    "empty files": [b""],
    "files of an unknown kind": [bytes(64), b"\x00\x01Bud1", b"caf\xe9 and more of it"],
}


@pytest.mark.parametrize("kind", NAMED)
def test_a_suffix_says_what_a_file_is(kind):
    for name in NAMED[kind].split():
        assert kind_by_name(Path(name)) == kind, name


@pytest.mark.parametrize("kind", CONTENT)
def test_first_bytes_say_what_a_file_is(kind):
    for head in CONTENT[kind]:
        assert kind_by_content(head) == kind, head


def test_only_a_suffix_that_can_mean_something_else_is_doubted():
    assert [n for n in ("a.mp4", "a.txt", "a.ts", "a", "a.rm") if is_doubtful(Path(n))] == [
        *("a.ts", "a", "a.rm")
    ]


def test_an_end_that_says_nothing_is_part_of_the_name():
    for name, stem in {"a.b.MP4": "a.b", "Film.One__#0": "Film.One__#0", "x.srt": "x"}.items():
        assert stem_of(Path(name)) == stem


def test_noise_is_no_video():
    noise = Random(0)
    heads = [noise.randbytes(512) for _ in range(5000)]
    assert "videos" not in map(kind_by_content, heads)
