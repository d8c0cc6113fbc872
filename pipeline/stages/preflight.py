"""The check before an extraction: what can be read, how much there is, and what it will take."""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from extract.clip_models import feature_width
from extract.header import VideoHeader, read_header, read_headers
from extract.recipe import Recipe, resolve_recipe
from extract.sampling import segment_count
from stores.datasets import base
from stores.datasets.inventory import Inventory, take_inventory
from stores.files.locations import is_remote
from stores.files.names import counted
from stores.records import StoreError, VideoItem

if TYPE_CHECKING:
    from pipeline.commands.check_data import CheckDataRun
    from pipeline.commands.extract import ExtractRun

logger = logging.getLogger(__name__)

_BYTES_PER_VALUE = 2  # float16
_BYTES_PER_TIME = 1  # of a frame: regular times deflate to less
_NAMED = 3  # videos, in a message
_SLACK = 2  # frames: decoders disagree on the last ones of a file


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was found of a data set.

    ``unreadable`` pairs videos with the reason; ``seconds`` and ``frames`` are of the others, as
    their headers announce them. ``feature_bytes`` is what their shards will take, ``free_bytes``
    what there is (None in an object store); ``work_seconds`` follows from the rate that was given,
    ``note`` says how a data set of one's own was understood. ``announced`` are the frames of each
    readable video by its id, ``unlike`` says of which of them the data set's lists have other
    numbers. ``missing_images`` names the folders of images that lack some.
    """

    name: str
    root: Path
    inventory: Inventory
    readable: int
    unreadable: tuple[tuple[VideoItem, str], ...]
    seconds: float
    frames: int
    feature_bytes: int
    free_bytes: int | None
    announced: Mapping[str, int]
    missing_images: tuple[str, ...] = ()
    work_seconds: float | None = None
    note: str = ""
    unlike: tuple[str, ...] = ()

    @property
    def verdict(self) -> Literal["go", "some", "no"]:
        """``no`` where nothing can be extracted or stored, ``some`` where videos will be left out.

        Copies, extra files and what was passed over take nothing away.
        """
        if not self.readable or self.is_too_large:
            return "no"
        return "go" if self.readable == len(self.inventory.items) else "some"

    @property
    def is_too_large(self) -> bool:
        """Whether the features are known not to fit where they are to go."""
        return self.free_bytes is not None and self.feature_bytes > self.free_bytes

    @property
    def classes(self) -> dict[tuple[str, str], int]:
        """Number of present videos by split and class, a video of several classes in each."""
        present = self.inventory.present
        return Counter((str(item.split), label) for item in present for label in item.labels)


def check_data(run: CheckDataRun) -> Preflight:
    """Check a data set on disk without decoding anything.

    Raises:
        StoreError: No such data set or folder, no lists, or none of its videos.
        ValueError: Unknown recipe or model.
    """
    dataset = base.load(run.dataset)
    if dataset.describe is not None:
        dataset = dataset.describe(run.root, run.lists)
    recipe = resolve_recipe(run.recipe, dataset.recipe)
    inventory = take_inventory(dataset, run.root, run.lists)
    image_rate = run.image_rate or dataset.frame_rate
    preflight = survey(
        dataset.name, run.root, inventory, recipe, out=run.out, image_rate=image_rate
    )
    seconds = preflight.frames / run.rate if run.rate else None
    compared = compare_lengths(preflight, dataset, run.root, run.lists)
    return replace(compared, note=dataset.note, work_seconds=seconds)


def compare_lengths(
    preflight: Preflight, dataset: base.Dataset, root: Path, lists: Path | None
) -> Preflight:
    """Return a preflight that says which videos are of another length than their lists have.

    Raises:
        StoreError: A list cannot be understood.
    """
    if dataset.lengths is None:
        return preflight
    return replace(
        preflight, unlike=tuple(_unlike(preflight.announced, dataset.lengths(root, lists)))
    )


def _unlike(
    announced: Mapping[str, int], listed: Mapping[str, Mapping[str, range]]
) -> Iterator[str]:
    """Yield the videos of another length than any list has for them, with what each list says."""
    for name, frames in announced.items():
        known = listed.get(name, {})
        if known and not any(r[0] - _SLACK <= frames <= r[-1] + _SLACK for r in known.values()):
            said = ", ".join(
                f"{source} {r[0]:,}" + (f" to {r[-1]:,}" if len(r) > 1 else "")
                for source, r in known.items()
            )
            yield f"{name}: {frames:,} frames, published as {said}"


def survey(
    name: str,
    root: Path,
    inventory: Inventory,
    recipe: Recipe,
    *,
    out: Path,
    image_rate: float,
) -> Preflight:
    """Read the header of every present video and add up; rates are in frames a second."""
    read = partial(read_header, image_rate=image_rate, quick=True)
    outcomes = read_headers([item.path for item in inventory.present], read)
    pairs = list(zip(inventory.present, outcomes, strict=True))
    headers = [outcome for _, outcome in pairs if isinstance(outcome, VideoHeader)]
    unreadable = tuple(
        (item, str(outcome).removeprefix(f"{item.path}: "))
        for item, outcome in pairs
        if not isinstance(outcome, VideoHeader)
    )
    frames = sum(header.frames for header in headers)
    announced = {
        item.video_id: outcome.frames for item, outcome in pairs if isinstance(outcome, VideoHeader)
    }
    segments = sum(segment_count(header.frames, recipe.tail) for header in headers)
    row = recipe.crop_count * feature_width(recipe.model) * _BYTES_PER_VALUE
    return Preflight(
        name=name,
        root=root,
        inventory=inventory,
        readable=len(headers),
        unreadable=unreadable,
        seconds=sum(header.seconds for header in headers),
        frames=frames,
        feature_bytes=segments * row + frames * _BYTES_PER_TIME,
        free_bytes=_free_bytes(out),
        missing_images=tuple(
            f"{item.path}: {outcome.missing}"
            for item, outcome in pairs
            if isinstance(outcome, VideoHeader) and outcome.missing
        ),
        announced=announced,
    )


def check_before(run: ExtractRun, preflight: Preflight, *, has_features: bool) -> None:
    """Log one line on the videos that are about to be extracted, and one on lengths that differ.

    Raises:
        StoreError: None can be read and none was extracted before, or the features will not fit.
    """
    total, readable = len(preflight.inventory.items), preflight.readable
    more = f"python -m pipeline check-data --dataset {run.dataset} {preflight.root} says more"
    if readable == 0 and not has_features:
        raise StoreError(f"none of {total} videos below {preflight.root} can be read; {more}")
    if preflight.is_too_large:
        raise StoreError(
            f"the features need about {preflight.feature_bytes / 1e9:.1f} GB, {run.out} has "
            f"{(preflight.free_bytes or 0) / 1e9:.1f} GB free; give another OUT"
        )
    line = (
        f"check: {readable:,} of {total:,} videos can be read, {preflight.seconds / 3600:.1f} h, "
        f"{preflight.inventory.bytes / 1e9:.1f} GB; about {preflight.feature_bytes / 1e6:,.0f} MB "
        "of features"
    )
    if preflight.verdict != "go":
        line += f"; {total - readable:,} cannot: {more}"
    logger.info(line)
    if preflight.unlike:
        logger.warning(
            "%s of another length than their lists say, which truth may not fit, as %s; %s",
            counted(len(preflight.unlike), "video"),
            "; ".join(preflight.unlike[:_NAMED]),
            more,
        )


def _free_bytes(out: Path) -> int | None:
    """Return what the disk that ``out`` lies on, or will lie on, has room for."""
    if is_remote(out):
        return None
    existing = next(path for path in [out.absolute(), *out.absolute().parents] if path.exists())
    return shutil.disk_usage(existing).free
