"""Pictures coded as two fields in packets of their own, as in AVCHD and broadcasting.

Such a pair is one frame, decoded and shown as one: in H.264, and in MPEG-2 where FFmpeg's reader
has not joined them. In HEVC each field is a picture. References are to ITU-T H.264.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import av
from av.video.codeccontext import VideoCodecContext

_START_CODE = b"\0\0\1"
_PARAMETERS, _SLICES = 7, (1, 5)  # types of NAL units (table 7-1)
_WITH_FORMATS = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)  # profiles
_UNIT_START = 256  # bytes of a NAL unit that hold all numbers wanted of it


@dataclass(slots=True)
class FieldPairs:
    """Recognises second fields, packet by packet as they lie in the file.

    ``number_bits`` is the length of a frame's number; 0 where a stream has no fields, so that no
    packet is looked at. ``length_bytes`` precede each NAL unit of H.264.
    """

    number_bits: int
    length_bytes: int
    is_mpeg2: bool = False
    _first: tuple[int, bool] | None = None

    @classmethod
    def of(cls, context: VideoCodecContext) -> FieldPairs:
        """Return the recogniser for the parameters of a stream that was just opened."""
        header = context.extradata or b""
        if context.codec.canonical_name == "mpeg2video":
            return cls(10, 0, is_mpeg2=True)
        if context.codec.canonical_name != "h264" or len(header) < 8:
            return cls(0, 0)
        # MP4 and Matroska have avcC, whose first byte is a version; other streams, start codes.
        is_listed = header[0] == 1
        units = _units(header[6:], 2) if is_listed else _units(header, 0)
        try:
            parameters = next(unit for unit in units if unit and unit[0] & 31 == _PARAMETERS)
            number_bits = _frame_number_bits(parameters)
        except (StopIteration, IndexError):  # damaged: every packet counts as a frame
            return cls(0, 0)
        return cls(number_bits, (header[4] & 3) + 1 if is_listed else 0)

    def is_second(self, packet: av.Packet) -> bool:
        """Return whether a packet is the second field of the frame that the one before began."""
        if not self.number_bits:
            return False
        field = (_mpeg2_field if self.is_mpeg2 else self._h264_field)(bytes(packet))
        # The two of a frame have its number, and one of them is the lower.
        is_second = field is not None and self._first == (field[0], not field[1])
        self._first = None if is_second else field
        return is_second

    def _h264_field(self, data: bytes) -> tuple[int, bool] | None:
        """Return a field's frame number and whether it is the lower; None for whole frames."""
        for unit in _units(data, self.length_bytes):
            if unit and unit[0] & 31 in _SLICES:
                bits = _Bits(unit[1:])
                try:
                    for _ in range(3):  # first macroblock, slice type, parameter set (7.3.3)
                        bits.number()
                    number = bits.take(self.number_bits)
                    return (number, bool(bits.take(1))) if bits.take(1) else None
                except IndexError:
                    return None
        return None


def _mpeg2_field(data: bytes) -> tuple[int, bool] | None:
    """Return what :meth:`FieldPairs._h264_field` does (ISO/IEC 13818-2, 6.2.3 and 6.2.3.1)."""
    picture = data.find(_START_CODE + b"\0")
    extension = data.find(_START_CODE + b"\xb5", picture)
    if picture < 0 or not picture < extension < len(data) - 6:
        return None
    number, structure = data[picture + 4] << 2 | data[picture + 5] >> 6, data[extension + 6] & 3
    return None if structure == 3 else (number, structure == 2)


def _units(data: bytes, length_bytes: int) -> Iterator[bytes]:
    """Yield the start of each NAL unit, behind its length or, without such bytes, a code."""
    if length_bytes:
        start = length_bytes
        while start < len(data):
            yield data[start : start + _UNIT_START]
            start += int.from_bytes(data[start - length_bytes : start], "big") + length_bytes
        return
    start = data.find(_START_CODE)
    while start >= 0:
        start += len(_START_CODE)
        yield data[start : start + _UNIT_START]
        start = data.find(_START_CODE, start)


def _frame_number_bits(parameters: bytes) -> int:
    """Return how long the number of a frame is; 0 where there are no fields (7.3.2.1.1)."""
    bits = _Bits(parameters[1:])
    profile = bits.take(8)
    bits.take(16)  # constraints and level
    bits.number()
    if profile in _WITH_FORMATS:
        _pass_over_formats(bits)
    number_bits = bits.number() + 4
    order = bits.number()
    if order == 0:
        bits.number()
    elif order == 1:
        bits.take(1)
        for _ in range(2):
            bits.number()
        for _ in range(bits.number()):
            bits.number()
    bits.number()  # reference frames
    bits.take(1)
    for _ in range(2):  # width and height
        bits.number()
    return 0 if bits.take(1) else number_bits


def _pass_over_formats(bits: _Bits) -> None:
    chroma = bits.number()
    if chroma == 3 and bits.take(1):
        raise IndexError("planes that are coded apart have slices of another kind")
    for _ in range(2):  # depths
        bits.number()
    bits.take(1)
    if bits.take(1):
        for number in range(12 if chroma == 3 else 8):
            if bits.take(1):
                _pass_over_scales(bits, 16 if number < 6 else 64)


def _pass_over_scales(bits: _Bits, count: int) -> None:
    """Read a scaling list, which ends where a scale is 0 (7.3.2.1.1.1)."""
    scale = 8
    for _ in range(count):
        code = bits.number()
        scale = (scale + ((code + 1) // 2 if code % 2 else -(code // 2))) % 256
        if scale == 0:
            return


class _Bits:
    """Reads the bits of a NAL unit; an IndexError says that they are at an end."""

    def __init__(self, data: bytes) -> None:
        data = data.replace(b"\0\0\3", b"\0\0")  # what keeps start codes out of the content
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise IndexError("the unit ends")
        return self._value >> self._left & ((1 << count) - 1)

    def number(self) -> int:
        """Return a number in Exp-Golomb code (9.1)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)
