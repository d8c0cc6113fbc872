"""Video files, and folders of images, as sources of frames, by whichever decoder suits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from extract.container import DecodeError
from extract.decoders import Decoder, decord_reader, pyav_reader
from extract.decoders.pixels import Picture
from extract.decoders.reading import Reading
from extract.images import IMAGES
from extract.probe import VideoProbe, probe
from extract.recipe import Recipe
from extract.source import Chunk
from stores.files.sequences import IMAGE_RATE
from stores.records import DecodeAudit


class _DecoderModule(Protocol):
    def unfit_reason(self, probe_info: VideoProbe, recipe: Recipe) -> str: ...
    def is_preferred(self, probe_info: VideoProbe, recipe: Recipe) -> bool: ...
    def read(self, reading: Reading, recipe: Recipe) -> Iterator[tuple[int, Picture]]: ...


# In the order in which `auto` tries them; the last reads everything.
_DECODERS: dict[Decoder, _DecoderModule] = {"decord": decord_reader, "pyav": pyav_reader}


@dataclass(frozen=True, slots=True)
class VideoFile:
    """A probed file, the recipe it is sampled by, and the decoder asked for: a frame source."""

    probe_info: VideoProbe
    recipe: Recipe
    decoder: Decoder = "auto"

    @property
    def seconds(self) -> float:
        """How long its frames last as stated, but a second a frame at most: headers state years."""
        stated = max(self.probe_info.frames / self.probe_info.rate, self.probe_info.seconds)
        return min(stated, float(self.probe_info.frames))

    def chunks(self, chunk_frames: int) -> Iterator[Chunk]:
        """Yield the sampled frames in chunks; see :func:`read_chunks`."""
        if chunk_frames < 1:
            raise ValueError(f"chunk_frames must be 1 or more, got {chunk_frames}")
        reading, pictures = self._start()
        pending: list[tuple[int, Picture]] = []
        for picture in pictures:
            # Yielded only once there is a next frame, so that the last chunk is never empty.
            if len(pending) == chunk_frames:
                yield _chunk(pending, reading)
                pending = []
            pending.append(picture)
        if not pending:
            reason = reading.error or "the stream ends"
            raise DecodeError(f"{self.probe_info.path}: no frame can be decoded ({reason})")
        yield _chunk(pending, reading, last=reading.audit())

    def _start(self) -> tuple[Reading, Iterator[tuple[int, Picture]]]:
        probe_info, recipe, name = self.probe_info, self.recipe, self.decoder
        if name == "auto":
            name = choose_decoder(probe_info, recipe)
        elif reason := _DECODERS[name].unfit_reason(probe_info, recipe):
            message = f"not a video for {name} ({reason}); use auto or pyav"
            raise DecodeError(f"{probe_info.path}: {message}")
        reading = Reading(probe_info, IMAGES if probe_info.container == IMAGES else name)
        pictures = _DECODERS[name].read(reading, recipe)
        if self.decoder == "auto" and name != "pyav" and reading.error:
            reading = Reading(probe_info, "pyav", note=f"{name} gave up: {reading.error}")
            pictures = pyav_reader.read(reading, recipe)
        return reading, pictures


def open_video(
    path: str, recipe: Recipe, *, decoder: Decoder = "auto", image_rate: float = IMAGE_RATE
) -> VideoFile:
    """Probe a file, or a folder of images; its frames are read by :meth:`VideoFile.chunks`.

    Raises:
        DecodeError: As :func:`extract.probe.probe`.
    """
    return VideoFile(probe(path, image_rate), recipe, decoder)


def read_chunks(
    path: str,
    recipe: Recipe,
    *,
    decoder: Decoder = "auto",
    chunk_frames: int = 64,
    image_rate: float = IMAGE_RATE,
) -> Iterator[Chunk]:
    """Yield the sampled frames of a video in chunks of ``chunk_frames``, the last may be shorter.

    ``auto`` takes decord where it gives the same frames and is not clearly behind, and PyAV
    elsewhere and wherever decord fails. Every chunk holds a frame at least. ``times`` count from
    the first frame that the file announces, go on evenly where its clock steps, and increase
    strictly. Packets that do not decode are passed over; the audit says what was lost, and whether
    reading ended early. A folder of images has
    ``image_rate`` frames a second. Closing the iterator releases the file.

    Raises:
        DecodeError: The file cannot be read, no frame decodes, or ``decord`` is not right for it.
        ValueError: ``chunk_frames`` is not positive.
    """
    return open_video(path, recipe, decoder=decoder, image_rate=image_rate).chunks(chunk_frames)


def choose_decoder(probe_info: VideoProbe, recipe: Recipe) -> Decoder:
    """Return the decoder with which ``auto`` begins to read a video."""
    return next(n for n, module in _DECODERS.items() if module.is_preferred(probe_info, recipe))


def _chunk(
    pending: list[tuple[int, Picture]], reading: Reading, last: DecodeAudit | None = None
) -> Chunk:
    segments, pictures = zip(*pending, strict=True)
    times = np.asarray(reading.times, dtype=np.float64)
    reading.times.clear()
    return Chunk(np.stack(pictures), np.asarray(segments, dtype=np.int64), times, last)
