"""Options that several commands share, and the checks of their numbers.

Imports nothing heavy, so that ``--help`` answers at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.constructors import PrimitiveConstructorSpec

from extract.decoders import Decoder

OnChange = Literal["redo", "refuse", "keep"]


def _parse(arguments: list[str]) -> Path:
    text = arguments[0]
    if "://" not in text:
        return Path(text)
    # Only URLs need what these import.
    from stores.files.locations import reachable
    from stores.records import StoreError

    try:
        return reachable(text)
    except StoreError as error:
        # tyro takes a ValueError for "not of this type" and drops its message.
        raise ConnectionError(str(error)) from error


Location = Annotated[
    Path,
    PrimitiveConstructorSpec(
        nargs=1,
        metavar="PATH|URL",
        instance_from_str=_parse,
        is_instance=lambda value: isinstance(value, Path),
        str_from_instance=lambda path: [str(path)],
    ),
]
"""A path of this machine, or a URL that fsspec knows."""


@dataclass(frozen=True)
class ReadOptions:
    """How videos are read and encoded, by whichever command reads them."""

    decoder: Decoder = "auto"
    """Who reads the files; pixels do not depend on it."""
    batch: int = 64
    """Images the encoder sees at once."""
    compile: bool = False
    """Compile the encoder, which takes a minute at every start: for long runs on a GPU."""
    workers: int | None = None
    """At most so many shard workers; one a GPU, or one a node without GPUs, by default."""
    deadline: float = 120.0
    """Seconds a decode worker may be silent before it is killed; a whole video may take that, or
    four times its own duration where that is more."""
    decoder_memory: float = 4.0
    """GiB that a decode worker may take for one video."""
    strict: bool = False
    """Refuse a video that does not hold what its container announces, instead of marking it."""
    retry_failed: bool = False
    """Try the videos again that an earlier run recorded as failures, though they did not change."""
    on_change: OnChange = "redo"
    """What becomes of results whose file is not any more what was read: redo replaces them, keep
    leaves them, refuse ends the run."""
    full_digest: bool = False
    """Read whole files to tell whether they changed, instead of size, date and samples."""


@dataclass(frozen=True)
class EventOptions:
    """When scores become events, by whichever command finds events.

    What is not given comes from the checkpoint's calibration, else from ``model.scoring.events``.
    """

    threshold: float | None = None
    """Score from which a frame is anomalous and an event begins; 0.5 where the checkpoint is not
    calibrated."""
    release: float | None = None
    """Share of the threshold below which an event ends, 0.8 by default: a score that trembles
    around the threshold is to make one event and not ten. 1 ends it at the threshold itself."""
    minimum_frames: int | None = None
    """Shortest event in frames, 16 by default: one segment, the shortest thing a score can tell.
    Longer drops what flares up for a moment, and events that are really so short."""
    calibrated: bool = True
    """Use the calibration beside the checkpoint; --no-calibrated scores as the model was trained
    to."""


def require_positive(**options: float | None) -> None:
    """Raise ValueError where a given number is not above 0; None stands for a default."""
    for name, value in options.items():
        if value is not None and value <= 0:
            raise ValueError(f"--{name.replace('_', '-')} has to be above 0, got {value:g}")


def require_share(**options: float | None) -> None:
    """Raise ValueError where a given number does not lie in [0, 1]."""
    for name, value in options.items():
        if value is not None and not 0 <= value <= 1:
            raise ValueError(f"--{name.replace('_', '-')} has to be from 0 to 1, got {value:g}")


def require_sane(reading: ReadOptions, **options: float | None) -> None:
    """Check the numbers of read options, and others that have to be above 0 as well."""
    require_positive(
        batch=reading.batch,
        workers=reading.workers,
        deadline=reading.deadline,
        decoder_memory=reading.decoder_memory,
        **options,
    )
