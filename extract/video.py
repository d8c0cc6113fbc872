"""Video files to chunks of sampled frames, by whichever decoder is right and quick for the file.

A frame's pixels do not depend on the decoder, so the recipe does not name it: decord is refused
where it is not known to give the same ones. Why and when: docs/decisions/0002-decoders.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from extract.container import DecodeError
from extract.decoders import Picture, Reading, read_decord, read_pyav, target_size
from extract.probe import VideoProbe, probe
from extract.recipe import Recipe
from extract.sampling import is_strided, segment_count
from stores.files.names import is_unicode
from stores.records import DecodeAudit

__all__ = [
    "Chunk",
    "DecodeError",
    "Decoder",
    "decord_objection",
    "prefers_decord",
    "read_chunks",
    "read_probed",
]

Decoder = Literal["auto", "decord", "pyav"]

DECORD_BYTES = 1 << 29
"""Most bytes of frames that reading with decord may come to hold, see :func:`decord_objection`."""

DECORD_KEYFRAME_SPACING = 100
"""Fewest frames a keyframe at which decord is within about a tenth of PyAV's speed: it converts a
whole segment's frames wherever one holds a keyframe (measured: docs/decisions/0002-decoders.md)."""

_PROVEN_CONTAINERS = ("mov,mp4", "matroska")
_PROVEN_CODECS = ("h264", "hevc")
_PROVEN_PIXELS = ("yuv420p", "yuvj420p")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive sampled frames of one video.

    ``frames`` [F,H,W,3] are RGB at the recipe's size, ``segments`` [F] the segment number of each
    (non-decreasing), ``times`` the seconds of all source frames read since the previous chunk,
    sampled or not. ``last`` is the audit, in the final chunk of a video alone.
    """

    frames: NDArray[np.uint8]
    segments: NDArray[np.int64]
    times: NDArray[np.float64]
    last: DecodeAudit | None = None


def read_chunks(
    path: str, recipe: Recipe, *, decoder: Decoder = "auto", chunk_frames: int = 64
) -> Iterator[Chunk]:
    """Yield the sampled frames of a video in chunks of ``chunk_frames``, the last may be shorter.

    ``auto`` takes decord where it gives the same frames and is not clearly behind, and PyAV
    elsewhere and wherever decord fails. Every chunk holds a frame at least. ``times`` count from
    the video's first frame and increase strictly. An error after good frames ends the video and
    marks its audit as partial. Closing the iterator releases the file.

    Raises:
        DecodeError: The file cannot be read, no frame of it decodes, or ``decord`` was asked for
            and is not right for it.
        ValueError: ``chunk_frames`` is not positive.
    """
    if chunk_frames < 1:
        raise ValueError(f"chunk_frames must be 1 or more, got {chunk_frames}")
    return read_probed(probe(path), recipe, decoder=decoder, chunk_frames=chunk_frames)


def read_probed(
    facts: VideoProbe, recipe: Recipe, *, decoder: Decoder = "auto", chunk_frames: int = 64
) -> Iterator[Chunk]:
    """Yield what :func:`read_chunks` yields, of a file that was probed before; errors as there."""
    reading, pictures = _start(facts, recipe, decoder)
    pending: list[tuple[int, Picture]] = []
    for picture in pictures:
        # Handed out only once there is a next frame, so that the last chunk is never empty.
        if len(pending) == chunk_frames:
            yield _chunk(pending, reading)
            pending = []
        pending.append(picture)
    if not pending:
        raise DecodeError(
            f"{facts.path}: no frame can be decoded ({reading.error or 'the stream ends'})"
        )
    yield _chunk(pending, reading, last=reading.audit())


def decord_objection(facts: VideoProbe, recipe: Recipe) -> str:
    """Say why decord must not read this video, or return an empty string where it may.

    It is kept to kinds of files on which its frames were found equal to PyAV's, one by one. It also
    decodes ahead without bound while its reader waits, so that all it may come to hold has to fit
    in ``DECORD_BYTES``: every frame at full size, or, for a recipe of one frame a segment, which
    is read in one go without waiting, the resized ones.
    """
    if is_strided(recipe.frames):
        width, height = target_size(facts, recipe.resize)
        holds = segment_count(facts.frames, recipe.tail) * width * height * 3
    else:
        holds = facts.decoded_bytes
    objections = {
        f"container {facts.container}": not facts.container.startswith(_PROVEN_CONTAINERS),
        f"codec {facts.codec}": facts.codec not in _PROVEN_CODECS,
        f"pixel format {facts.pixel_format}": facts.pixel_format not in _PROVEN_PIXELS,
        f"{facts.hidden} frames hidden by an edit list": facts.hidden > 0,
        f"a rotation of {facts.rotation} degrees": facts.rotation != 0,
        "a name that is no UTF-8": not is_unicode(facts.path),
        "packets without a time": facts.timestamps.size != facts.frames,
        "a cover picture taken for the video": not facts.is_best_stream,
        f"it may come to hold {holds / 1e6:.0f} MB of frames": holds > DECORD_BYTES,
    }
    return next((reason for reason, applies in objections.items() if applies), "")


def prefers_decord(facts: VideoProbe, recipe: Recipe) -> bool:
    """Say whether ``auto`` reads this video with decord: right, and not clearly behind PyAV.

    That is where one frame of 16 is wanted and decord can leave most of the others unconverted,
    which takes regular times and few keyframes; and H.264, since in HEVC it is 7 to 14 % behind
    (measured: docs/decisions/0002-decoders.md).
    """
    spacing = facts.frames / max(1, facts.keyframes - 1)
    is_quick = facts.is_regular and spacing >= DECORD_KEYFRAME_SPACING
    is_near = is_quick and facts.codec == "h264"
    return is_strided(recipe.frames) and is_near and not decord_objection(facts, recipe)


def _start(
    facts: VideoProbe, recipe: Recipe, decoder: Decoder
) -> tuple[Reading, Iterator[tuple[int, Picture]]]:
    note = ""
    if decoder == "decord" and (objection := decord_objection(facts, recipe)):
        raise DecodeError(f"{facts.path}: not a video for decord ({objection}); use auto or pyav")
    if decoder == "decord" or (decoder == "auto" and prefers_decord(facts, recipe)):
        reading = Reading(facts, "decord")
        pictures = read_decord(reading, recipe)
        if is_strided(recipe.frames):
            # In one go: decord decodes ahead while its reader waits for room downstream.
            pictures = iter(list(pictures))
        if decoder == "decord" or not reading.error:
            return reading, pictures
        note = f"decord gave up: {reading.error}"
    reading = Reading(facts, "pyav", note=note)
    return reading, read_pyav(reading, recipe)


def _chunk(
    pending: list[tuple[int, Picture]], reading: Reading, last: DecodeAudit | None = None
) -> Chunk:
    times = np.asarray(reading.times, dtype=np.float64)
    reading.times.clear()
    return Chunk(
        frames=np.stack([picture for _, picture in pending]),
        segments=np.asarray([segment for segment, _ in pending], dtype=np.int64),
        times=times,
        last=last,
    )
