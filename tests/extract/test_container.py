"""What is refused before any decoding, and names that look like something else."""

import os
import struct
import wave
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from extract.container import DecodeError
from extract.probe import probe


def test_names_that_look_like_protocols_and_options_are_files(write_video, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in (
        "-dash.mp4",
        "http:x.mp4",
        "100%d & more?.mp4",
        "caf\udce9\n.mp4",
        "x" * 250 + ".mp4",
    ):
        write_video(name, frames=2)
        assert probe(name).frames == 2


def _missing(folder):
    return folder / "nothing.mp4"


def _sound(path: Path) -> None:
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(8000))


def _giant(folder):
    """A small motion JPEG in Matroska, both of whose headers claim 16,000×16,000."""
    path = folder / "giant.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 256, 256, "yuvj420p"
        container.mux(stream.encode(av.VideoFrame(256, 256, "yuvj420p")))
        container.mux(stream.encode(None))
    content = bytearray(path.read_bytes())
    picture = content.index(b"\xff\xd8\xff")  # past the header, whose random ids may hold anything
    struct.pack_into(">HH", content, content.index(b"\xff\xc0", picture) + 5, 16000, 16000)
    for element in (b"\xb0\x82", b"\xba\x82"):  # PixelWidth and PixelHeight, two bytes each
        struct.pack_into(">H", content, content.index(element + b"\x01\x00") + 2, 16000)
    path.write_bytes(content)
    return path


def _lost_link(folder):
    (folder / "link.mp4").symlink_to("/nowhere.mp4")
    return folder / "link.mp4"


def _circle(folder):
    (folder / "circle.mp4").symlink_to("circle.mp4")
    return folder / "circle.mp4"


def _pipe(folder):
    os.mkfifo(folder / "pipe.mp4")
    return folder / "pipe.mp4"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_lost_link, "a link that leads nowhere"),
        (_circle, "cannot be read"),
        (_pipe, "not a file; give the video"),
        (_missing, "no such file"),
        (_giant, "16000×16000 is over the limit of 67 megapixels"),
        (lambda folder: folder, "not a file"),
    ],
)
def test_what_no_decoder_should_see_is_refused_in_one_line(tmp_path, make, reason):
    path = make(tmp_path)
    with pytest.raises(DecodeError, match=reason) as caught:
        probe(str(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def _picture(suffix: str):
    def write(path: Path) -> None:
        _, data = cv2.imencode(suffix, np.zeros((48, 64, 3), np.uint8))
        path.write_bytes(data.tobytes())

    return write


NO_VIDEO = {
    "nothing": (lambda path: path.touch(), "the file is empty"),
    "text": (lambda path: path.write_text("frame 1\nframe 2\n" * 99), "not a video that FFmpeg"),
    "html": (lambda path: path.write_text("<!doctype html><title>404</title>" * 99), "not a video"),
    "json": (lambda path: path.write_text('{"error": "not found"}'), "not a video"),
    "zeros": (lambda path: path.write_bytes(bytes(9999)), "not a video|no video stream"),
    "sound": (_sound, "no video stream"),
    "jpeg": (_picture(".jpg"), "a single picture, not a video"),
    "png": (_picture(".png"), "a single picture, not a video"),
    "bmp": (_picture(".bmp"), "a single picture, not a video"),
    "playlist": (
        lambda path: path.write_text(
            "#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST"
        ),
        "not a video|no video stream",
    ),
}


@pytest.mark.parametrize("kind", NO_VIDEO)
def test_what_is_no_video_says_so_in_one_line_whatever_its_suffix(tmp_path, kind):
    write, reason = NO_VIDEO[kind]
    path = tmp_path / "camera.mp4"
    write(path)
    with pytest.raises(DecodeError, match=reason) as caught:
        probe(str(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
