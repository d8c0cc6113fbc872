"""The eight ways to lay a picture down, in every container that says so, by every reader."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext

from extract.container import DecodeError
from extract.mp4 import write_proxy
from extract.orientation import Orientation
from extract.probe import probe
from extract.recipe import RECIPES
from extract.stills import read_pictures, read_stills

WIDE, HIGH = 96, 64
RECIPE = replace(RECIPES["squash"], frames="middle", tail="keep")
COLOURS = {"R": (255, 0, 0), "G": (0, 255, 0), "B": (0, 0, 255), "W": (255, 255, 255)}

MATRICES = {
    "upright": ((1, 0, 0, 1), "RGBW"),
    "hflip": ((-1, 0, 0, 1), "GRWB"),
    "vflip": ((1, 0, 0, -1), "BWRG"),
    "rot180": ((-1, 0, 0, -1), "WBGR"),
    "transpose": ((0, 1, 1, 0), "RBGW"),
    "rot90": ((0, 1, -1, 0), "BRWG"),
    "rot270": ((0, -1, 1, 0), "GWRB"),
    "antitranspose": ((0, -1, -1, 0), "WGBR"),
}
"""a, b, c, d of a display matrix, and the corners of RG over BW that it shows, row by row."""

MESSAGES = {
    "upright": "rotate=0",
    "hflip": "rotate=0:flip=horizontal",
    "vflip": "rotate=0:flip=vertical",
    "rot180": "rotate=180",
    "transpose": "rotate=90:flip=horizontal",
    "rot90": "rotate=270",
    "rot270": "rotate=90",
    "antitranspose": "rotate=90:flip=vertical",
}
"""The same in H.264 itself, for containers without matrices; rotations are anticlockwise."""


@pytest.fixture
def lay(tmp_path) -> Callable[..., str]:
    """Write five pictures of four colours, laid down by a matrix or by a message in the stream."""

    def write(name: str, matrix: tuple[float, ...] = (), message: str = "") -> str:
        path = tmp_path / name
        picture = np.zeros((HIGH, WIDE, 3), dtype=np.uint8)
        for (row, column), colour in zip(np.ndindex(2, 2), COLOURS.values(), strict=True):
            picture[row * HIGH // 2 :, column * WIDE // 2 :] = colour
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25, options={"bf": "0"})
            stream.width, stream.height, stream.pix_fmt = WIDE, HIGH, "yuv444p"
            if matrix:
                a, b, c, d = (round(65536 * value) for value in matrix)
                stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
            change = f"h264_metadata=display_orientation=insert:{message}"
            filtered = BitStreamFilterContext(change, stream) if message else None
            frames = [av.VideoFrame.from_ndarray(picture, format="rgb24") for _ in range(5)]
            for index, frame in enumerate([*frames, None]):
                if frame:
                    frame.pts, frame.time_base = index, Fraction(1, 25)
                for packet in stream.encode(frame):
                    container.mux(filtered.filter(packet) if filtered else packet)
        return str(path)

    return write


def corners(picture: np.ndarray) -> str:
    """Return the letters of a picture's four corners, row by row."""
    height, width = picture.shape[:2]
    places = [(y, x) for y in (height // 8, -height // 8) for x in (width // 8, -width // 8)]
    letters = []
    for place in places:
        near = {k: np.abs(picture[place].astype(int) - c).sum() for k, c in COLOURS.items()}
        letters.append(min(near, key=near.__getitem__))
    return "".join(letters)


def shown(path: str, read, tmp_path: Path) -> dict[str, str]:
    """Return the corners that each of our readers shows."""
    write_proxy(path, tmp_path / "copy.mp4")
    with av.open(str(tmp_path / "copy.mp4")) as container:
        copy = next(container.decode(video=0)).to_ndarray(format="rgb24")
    return {
        "features": corners(read(path, RECIPE).frames[0]),
        "pictures": corners(next(read_pictures(path))),
        "still": corners(read_stills(path, [0.1], height=48)[0]),
        "thumbnail": corners(read_stills(path, [0.1], height=48, exact=False)[0]),
        "copy": corners(copy),
    }


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("name", MATRICES)
def test_every_matrix_is_shown_as_it_says(lay, read, tmp_path, ffmpeg, name, container):
    matrix, expected = MATRICES[name]
    path = lay(f"{name}.{container}", matrix)
    assert set(shown(path, read, tmp_path).values()) == {expected}
    upright = next(read_pictures(path))
    assert upright.shape[:2] == ((WIDE, HIGH) if matrix[0] == 0 else (HIGH, WIDE))
    if container != "mkv":  # which FFmpeg reads a matrix of since 6.1 alone
        raw = ["-i", path, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
        theirs = np.frombuffer(ffmpeg("ffmpeg", *raw), dtype=np.uint8).reshape(upright.shape)
        assert corners(theirs) == expected


@pytest.mark.parametrize("container", ["ts", "avi"])
@pytest.mark.parametrize("name", MATRICES)
def test_where_a_container_has_no_matrix_the_stream_may_say_it(
    lay, read, tmp_path, name, container
):
    path = lay(f"{name}.{container}", message=MESSAGES[name])
    assert set(shown(path, read, tmp_path).values()) == {MATRICES[name][1]}


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [(0.4, "upright"), (89.6, "rot90"), (90.4, "rot90"), (130, "rot90"), (180.3, "rot180"),
     (-89.6, "rot270"), (-40, "upright")],
)  # fmt: skip
def test_an_angle_counts_as_the_nearest_quarter_turn(lay, read, tmp_path, degrees, expected):
    angle = math.radians(degrees)
    turn = (math.cos(angle), math.sin(angle), -math.sin(angle), math.cos(angle))
    assert set(shown(lay("a.mp4", turn), read, tmp_path).values()) == {MATRICES[expected][1]}


def test_a_matrix_of_zeros_is_none(lay):
    path = Path(lay("a.mp4", (0, 1, 1, 0)))
    content = path.read_bytes()
    start = content.index((1 << 16).to_bytes(4, "big") + bytes(4) + (1 << 16).to_bytes(4, "big"))
    path.write_bytes(content[: start - 4] + bytes(36) + content[start + 32 :])
    assert probe(str(path)).orientation.is_upright


@pytest.mark.parametrize(("orientation", "rotation"), [(6, 90), (8, 270), (3, 180), (1, 0)])
def test_a_turn_is_known_where_other_data_of_the_frame_is_not(tmp_path, orientation, rotation):
    """PyAV has no name for EXIF data of a frame, and then gives no matrix either."""
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDE, HIGH, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    (jpeg,) = encoder.encode(av.VideoFrame(WIDE, HIGH, "yuvj420p"))
    tags = (
        b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + bytes([orientation, 0, 0, 0]) + bytes(4)
    )
    exif = b"Exif\0\0" + tags
    data = b"\xff\xd8\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + bytes(jpeg)[2:]
    with av.open(str(tmp_path / "a.avi"), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDE, HIGH, "yuvj420p"
        packet = av.Packet(data)
        packet.stream, packet.pts, packet.dts = stream, 0, 0
        container.mux(packet)
    found = probe(str(tmp_path / "a.avi")).orientation
    clockwise = {
        0: Orientation(),
        90: Orientation(exchanges_sides=True, mirrors_columns=True),
        180: Orientation(mirrors_columns=True, mirrors_rows=True),
        270: Orientation(exchanges_sides=True, mirrors_rows=True),
    }
    assert found == clockwise[rotation]


def test_decord_is_refused_what_is_to_be_turned(lay, read):
    with pytest.raises(DecodeError, match="not a video for decord"):
        read(lay("a.mp4", MATRICES["vflip"][0]), RECIPE, decoder="decord")
