"""Options that several commands share, and the checks of their numbers.

Imports nothing heavy, so that ``--help`` answers at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args, get_type_hints

from msgspec import Meta, ValidationError, convert
from tyro.conf import Positional
from tyro.constructors import PrimitiveConstructorSpec

from extract.decoders import Decoder
from stores.ranges import Count, PositiveAmount, PositiveCount, Share

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

OnChange = Literal["redo", "refuse", "keep"]


_PLACED = get_args(Positional[Path])[-1]
"""What tyro marks an argument with that is known by its place."""


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


def checkpoint_location(text: str) -> Path:
    """Return the location of a checkpoint; of a hub name the folder that was fetched.

    Raises:
        StoreError: As ``location``, or the hub's repository cannot be had.
    """
    from stores.files.hub import fetch_folder, is_hub_name
    from stores.files.locations import location

    if not is_hub_name(text):
        return location(text)
    from model.checkpoint import DESCRIPTION, FILE  # not above: it brings torch along
    from stores import calibration
    from stores.files import hashes

    # What scoring reads, and nothing else of the repository: no pickle, no large ONNX file.
    return fetch_folder(name=text, files=[FILE, DESCRIPTION, calibration.FILE, hashes.FILE])


def _parse_checkpoint(arguments: list[str]) -> Path:
    from stores.files.hub import is_hub_name
    from stores.records import StoreError

    if not is_hub_name(arguments[0]):
        return _parse(arguments)
    try:
        return checkpoint_location(arguments[0])
    except StoreError as error:
        raise ConnectionError(str(error)) from error  # as in _parse


def _location(metavar: str, parse: Callable[[list[str]], Path]) -> PrimitiveConstructorSpec[Path]:
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=parse,
        is_instance=lambda value: isinstance(value, Path),
        str_from_instance=lambda path: [str(path)],
    )


Location = Annotated[Path, _location("PATH|URL", _parse)]
"""A path of this machine, or a URL that fsspec knows."""

CheckpointLocation = Annotated[Path, _location("PATH|URL|hf://OWNER/NAME", _parse_checkpoint)]
"""A folder that `train` or `export` wrote: a path, a URL, or the name of one in the model hub."""


@dataclass(frozen=True)
class ReadOptions:
    """How videos are read and encoded, by whichever command reads them."""

    decoder: Decoder = "auto"
    """Who reads the files; pixels do not depend on it."""
    batch: PositiveCount | Literal["auto"] = "auto"
    """Images the encoder sees at once; auto tries on a GPU which is the smallest that is as quick
    as any, once for a GPU's model, and takes 4 on a CPU, which never gets more."""
    compile: bool = False
    """Compile the encoder, which takes a minute at every start: for long runs on a GPU."""
    workers: PositiveCount | None = None
    """At most so many shard workers; one a GPU, or one a node without GPUs, by default."""
    deadline: PositiveAmount = 120.0
    """Seconds a decode worker may be silent before it is killed; a whole video may take that, or
    four times its own duration where that is more."""
    decoder_memory: PositiveAmount = 4.0
    """GiB that a decode worker may take for one video."""
    image_rate: PositiveAmount | None = None
    """Frames a second of folders of images, which state none; the data set's own by default, else
    30."""
    strict: bool = False
    """Refuse a video that does not hold what its container announces, instead of marking it."""
    retry_failed: bool = False
    """Try the videos again that an earlier run recorded as failures, though they did not change."""
    on_change: OnChange = "redo"
    """What becomes of results whose file changed since: redo replaces them, keep leaves them,
    refuse ends the run."""
    full_digest: bool = False
    """Read whole files to tell whether they changed, instead of size, date and samples."""


@dataclass(frozen=True)
class EventOptions:
    """When scores become events, by whichever command finds events.

    What is not given comes from the checkpoint's calibration, else from ``model.scoring.events``.
    """

    threshold: Share | None = None
    """Score from which a frame is anomalous and an event begins; 0.5 where the checkpoint is not
    calibrated."""
    release: Share | None = None
    """Share of the threshold below which an event ends, 0.8 by default: a score that trembles
    around the threshold is to make one event and not ten. 1 ends it at the threshold itself."""
    minimum_frames: PositiveCount | None = None
    """Shortest event in frames, 16 by default: one segment, the shortest thing a score can tell.
    Longer drops what flares up for a moment, and events that are really so short."""
    longest_gap: PositiveAmount | None = None
    """Seconds for which a video may show nothing within an event, 10 by default: a longer gap, of
    damage or of a camera that was off, ends it. More where frames are meant to be so far apart."""
    calibrated: bool = True
    """Use the calibration beside the checkpoint; --no-calibrated scores as the model was trained
    to."""


@dataclass(frozen=True)
class ZeroShotOptions:
    """What zero-shot CLIP scores by, with ``--checkpoint zero-shot``: nothing is trained for it."""

    classes: str = ""
    """Classes with their texts, the normal one first: "normal: an empty street; fight: people
    fighting, a brawl"; or a data set that has some, such as ucf."""
    recipe: str | None = None
    """How frames become features, as in extract; centre by default."""
    clip: str | None = None
    """CLIP model by its open_clip name; the recipe's own by default."""
    ensemble: bool = True
    """Put each text into several sentences and take the mean; --no-ensemble takes it as it is."""
    reach: Count = 2
    """Segments of 16 frames on either side that a segment's likeness to a text is averaged with."""


def check_options(run: DataclassInstance) -> None:
    """Check every number of a run's settings against the range that its field's type states.

    Raises:
        ValueError: A number is outside of its range, or NaN; its option is named.
    """
    hints = get_type_hints(type(run), include_extras=True)
    for name in (field.name for field in fields(run)):
        value, bounds = getattr(run, name), bounds_of(hints[name])
        if is_dataclass(value) and not isinstance(value, type):
            check_options(value)
        elif bounds is not None and value is not None and not isinstance(value, str):
            try:
                convert(float(value), type=Annotated[float, bounds])
            except ValidationError as error:
                option, expected = name.replace("_", "-"), _in_words(bounds, value)
                raise ValueError(f"--{option} has to be {expected}, got {value:g}") from error


def option_names(settings: type[DataclassInstance]) -> tuple[list[str], list[str]]:
    """Return the names of a command's options, as they are typed, and of what has its place."""
    options: list[str] = []
    places: list[str] = []
    for name, hint in get_type_hints(settings, include_extras=True).items():
        kind = get_args(hint)[0] if get_args(hint) else hint
        if isinstance(kind, type) and is_dataclass(kind):
            options += option_names(kind)[0]
        else:
            where = places if _PLACED in get_args(hint) else options
            where.append(name.replace("_", "-"))
    return options, places


def bounds_of(hint: object) -> Meta | None:
    """Return the range that a field's type states, also where it is None by default."""
    for part in get_args(hint):
        if isinstance(part, Meta):
            return part
        if (found := bounds_of(part)) is not None:
            return found
    return None


def _in_words(bounds: Meta, value: float) -> str:
    if bounds.ge == 0 and bounds.le == 1:
        return "from 0 to 1"
    if value > (bounds.le or 0) > 0:
        return f"at most {bounds.le:g}"
    return "0 or more" if bounds.ge == 0 else "above 0"
