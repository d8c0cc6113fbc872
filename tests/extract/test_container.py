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
from stores.files.kinds import PICTURE
from stores.files.scan import walk


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
        "a playlist, not a video",
    ),
    "metadata": (lambda path: path.write_text(";FFMETADATA1\ntitle=x\n"), "no video stream"),
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


SIBLING = "sibling.mp4"
REFERENCES = {
    "concat": f"ffconcat version 1.0\nfile {SIBLING}\n",
    "itself": "ffconcat version 1.0\nfile camera.mp4\nfile camera.mp4\n",
    "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{SIBLING}\n#EXT-X-ENDLIST\n",
    "dash": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"/>',
    "imf": '<?xml version="1.0"?>\n<CompositionPlaylist xmlns="http://www.smpte-ra.org/x"/>',
    "sdp": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 5004 RTP/AVP 96\r\n",
    "asx": '<ASX version="3.0"><Entry><Ref href="sibling.mp4"/></Entry></ASX>',
}


@pytest.mark.parametrize("kind", REFERENCES)
def test_a_playlist_is_refused_and_what_it_names_is_not_opened(write_video, tmp_path, kind):
    write_video(SIBLING, frames=3)
    path = tmp_path / "camera.mp4"
    path.write_text(REFERENCES[kind])
    with pytest.raises(DecodeError, match=r"camera\.mp4: a playlist, not a video; give the files"):
        probe(str(path))
    if kind == "concat":  # where nothing stops FFmpeg, it reads the other file's frames
        with av.open(str(path)) as container:
            assert sum(1 for _ in container.decode(video=0)) == 3


def _box(name: bytes, *content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + sum(map(len, content)), name) + b"".join(content)


def _referring_movie(source: Path, target: Path) -> None:
    """Write a QuickTime file that holds no pictures: its alias says that ``source`` does."""
    movie = source.read_bytes()
    name = source.name.encode()
    alias = bytes(10) + bytes(28) + bytes(12) + bytes([len(name)]) + name.ljust(63, b"\0")
    alias += bytes(16) + struct.pack(">HH", 1, 1) + bytes(16)
    alias += struct.pack(">HH", 2, len(name)) + name + bytes(len(name) % 2) + b"\xff\xff\0\0"
    entry = _box(b"alis", bytes(4), alias)
    longer = _box(b"dref", struct.pack(">II", 0, 1), entry)
    at = movie.index(b"dref") - 4
    length = struct.unpack_from(">I", movie, at)[0]
    content = bytearray(movie[:at] + longer + movie[at + length :])
    for parent in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        place = content.index(parent) - 4
        size = struct.unpack_from(">I", content, place)[0]
        struct.pack_into(">I", content, place, size + len(longer) - length)
    target.write_bytes(_box(b"ftyp", b"qt  ", bytes(4)) + content[content.index(b"moov") - 4 :])


def test_pictures_of_another_file_are_not_read_for_a_movie_that_refers_to_it(write_video, tmp_path):
    path = tmp_path / "refers.mov"
    _referring_movie(Path(write_video("media.mov", frames=3)), path)
    with av.open(str(path), container_options={"enable_drefs": "1"}) as container:
        assert sum(1 for _ in container.decode(video=0)) == 3
    with pytest.raises(DecodeError, match="holds no picture"):
        probe(str(path))


# FFmpeg's format and encoder of every suffix that it can write here.
WRITTEN = {
    **dict.fromkeys((".mp4", ".m4v"), ("mp4", "mpeg4")),
    **dict.fromkeys((".mov", ".qt"), ("mov", "mpeg4")),
    **dict.fromkeys((".3gp", ".3g2", ".f4v", ".ismv"), ("mp4", "libx264")),
    **dict.fromkeys((".avi", ".divx", ".xvid"), ("avi", "mpeg4")),
    **dict.fromkeys((".mkv", ".mk3d"), ("matroska", "mpeg4")),
    **dict.fromkeys((".webm", ".ivf"), (None, "libvpx")),
    **dict.fromkeys((".ogv", ".ogm", ".ogg"), ("ogg", "libvpx")),
    **dict.fromkeys((".flv", ".kux"), ("flv", "flv")),
    **dict.fromkeys((".wmv", ".asf"), ("asf", "wmv2")),
    **dict.fromkeys((".wtv", ".mxf"), (None, "mpeg2video")),
    **dict.fromkeys((".mpg", ".mpeg", ".mpe", ".mpv"), ("mpeg", "mpeg1video")),
    **dict.fromkeys((".vob", ".m2p", ".evo", ".tod", ".vro", ".dat"), ("vob", "mpeg2video")),
    **dict.fromkeys((".ts", ".mts", ".m2t", ".m2ts", ".trp", ".tp"), ("mpegts", "mpeg2video")),
    **dict.fromkeys((".h264", ".264", ".avc", ".h26l"), ("h264", "libx264")),
    **dict.fromkeys((".h265", ".265", ".hevc"), ("hevc", "libx265")),
    **dict.fromkeys((".mjpeg", ".mjpg"), ("mjpeg", "mjpeg")),
    ".m1v": ("mpeg1video", "mpeg1video"),
    ".m2v": ("mpeg2video", "mpeg2video"),
    ".rm": ("rm", "rv20"),
    ".gif": ("gif", "gif"),
    ".apng": ("apng", "apng"),
    ".nut": ("nut", "mpeg4"),
    ".y4m": ("yuv4mpegpipe", "rawvideo"),
    ".amv": ("avi", "mjpeg"),
}
PIXELS = {"mjpeg": "yuvj420p", "gif": "rgb8", "apng": "rgb24"}
NO_SIGNATURE = {".mjpeg": PICTURE, ".mjpg": PICTURE, ".apng": PICTURE}


@pytest.mark.parametrize("suffix", WRITTEN)
def test_a_video_is_found_and_opens_whatever_its_suffix(write_video, tmp_path, suffix):
    kind, codec = WRITTEN[suffix]
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    pixels = PIXELS.get(codec, "yuv420p")
    write_video(
        f"a{suffix}", frames=6, size=(160, 112), codec=codec, pixels=pixels, options=options,
        format=kind,
    )  # fmt: skip
    (tmp_path / "bare").write_bytes((tmp_path / f"a{suffix}").read_bytes())
    tree = walk(tmp_path)
    known = NO_SIGNATURE.get(suffix)
    assert [path.name for path in tree.videos] == [f"a{suffix}", *(() if known else ("bare",))]
    assert [*tree.passed_over] == ([known] if known else [])
    for path in tree.videos:
        assert probe(str(path)).frames == 6


def test_motion_jpeg_of_a_camera_is_no_single_picture(tmp_path):
    _, data = cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))  # with the mark of a JPEG file
    for name in ("cam.mjpeg", "cam.MJPG"):
        (tmp_path / name).write_bytes(data.tobytes() * 5)
        assert probe(str(tmp_path / name)).frames == 5


def test_the_dav_of_a_recorder_is_found_and_opens(write_video, tmp_path):
    stream = Path(write_video("a.h264", frames=1, codec="libx264", size=(64, 48))).read_bytes()
    size = bytes([0x80, 0, 64 // 8, 48 // 8])
    extension = size + bytes([0x81, 0, 2, 25])
    path = tmp_path / "ch01.dav"
    with path.open("wb") as file:
        for number in range(4):
            length = 24 + len(extension) + len(stream) + 8
            header = struct.pack("<4s4BIII", b"DHAV", 0xFD, 0, 0, 0, number, length, number)
            file.write(header + struct.pack("<HBB", 40 * number, len(extension), 0) + extension)
            file.write(stream + struct.pack("<4sI", b"dhav", length))
    assert walk(tmp_path).videos == [tmp_path / "a.h264", path]
    assert probe(str(path)).frames == 4
