"""The check before an extraction: what can be read, how much there is, and what it will take."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import open_clip

from extract.container import DecodeError
from extract.header import VideoHeader, read_header
from extract.recipe import TINY_MODEL, Recipe
from extract.sampling import segment_count
from extract.tiny_clip import WIDTH
from pipeline.console import console
from pipeline.settings import ExtractRun
from stores.datasets.inventory import Inventory
from stores.files.locations import is_remote
from stores.records import StoreError, VideoItem

_READERS = 16  # threads: they wait for the disk or the network, hardly for the processor
_BYTES_PER_VALUE = 2  # float16
_BYTES_PER_TIME = 1  # of a frame: regular times deflate to less

Verdict = Literal["go", "some", "no"]


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was found of a data set.

    ``unreadable`` pairs videos with the reason. ``seconds`` and ``frames`` are of the readable
    ones, as their headers announce them; ``feature_bytes`` is what their shards will take and
    ``free_bytes`` what there is (None: not known, in an object store); ``work_seconds`` follows
    from the rate that was given. ``note`` says how a data set of one's own was understood.
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
    work_seconds: float | None
    note: str = ""

    @property
    def verdict(self) -> Verdict:
        """``no`` where nothing can be extracted or stored, ``some`` where videos will be left out.

        Copies, extra files and leftovers take nothing away.
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
        return Counter(
            (str(item.split), label) for item in self.inventory.present for label in item.labels
        )


def survey(
    name: str,
    root: Path,
    inventory: Inventory,
    recipe: Recipe,
    *,
    out: Path,
    rate: float | None = None,
) -> Preflight:
    """Read the header of every present video and add up; ``rate`` is in frames a second."""
    headers: list[VideoHeader] = []
    unreadable: list[tuple[VideoItem, str]] = []
    with ThreadPoolExecutor(_READERS) as readers:
        outcomes = readers.map(_header_or_reason, inventory.present)
        for item, outcome in zip(inventory.present, outcomes, strict=True):
            if isinstance(outcome, VideoHeader):
                headers.append(outcome)
            else:
                unreadable.append((item, outcome))
    frames = sum(header.frames for header in headers)
    return Preflight(
        name=name,
        root=root,
        inventory=inventory,
        readable=len(headers),
        unreadable=tuple(unreadable),
        seconds=sum(header.seconds for header in headers),
        frames=frames,
        feature_bytes=_feature_bytes(headers, recipe),
        free_bytes=_free_bytes(out),
        work_seconds=frames / rate if rate else None,
    )


def check_before(run: ExtractRun, preflight: Preflight, *, has_features: bool) -> None:
    """Print one line on the videos that are about to be extracted.

    Raises:
        StoreError: Nothing of it can be read and nothing was extracted before, or the features
            will not fit on the disk.
    """
    total = len(preflight.inventory.items)
    more = f"python -m pipeline check-data --dataset {run.dataset} {preflight.root} says more"
    line = (
        f"check: {preflight.readable:,} of {total:,} videos can be read, "
        f"{preflight.seconds / 3600:.1f} h, {preflight.inventory.bytes / 1e9:.1f} GB; about "
        f"{preflight.feature_bytes / 1e6:,.0f} MB of features"
    )
    if preflight.verdict != "go":
        line += f"; {total - preflight.readable:,} cannot: {more}"
    console.print(line, highlight=False, soft_wrap=True)
    if preflight.readable == 0 and not has_features:
        raise StoreError(f"none of {total} videos below {preflight.root} can be read; {more}")
    if preflight.is_too_large:
        raise StoreError(
            f"the features need about {preflight.feature_bytes / 1e9:.1f} GB, {run.out} has "
            f"{(preflight.free_bytes or 0) / 1e9:.1f} GB free; give another OUT"
        )


def _header_or_reason(item: VideoItem) -> VideoHeader | str:
    try:
        return read_header(item.path)
    except DecodeError as error:
        return str(error).removeprefix(f"{item.path}: ")


def _feature_bytes(headers: Sequence[VideoHeader], recipe: Recipe) -> int:
    row = recipe.crop_count * _width(recipe.model) * _BYTES_PER_VALUE
    segments = sum(segment_count(header.frames, recipe.tail) for header in headers)
    return segments * row + sum(header.frames for header in headers) * _BYTES_PER_TIME


def _width(model: str) -> int:
    """Return a model's feature width D without making the model."""
    if model == TINY_MODEL:
        return WIDTH
    return int((open_clip.get_model_config(model) or {})["embed_dim"])


def _free_bytes(out: Path) -> int | None:
    """Return what the disk that ``out`` lies on, or will lie on, has room for."""
    if is_remote(out):
        return None
    existing = next(path for path in [out.absolute(), *out.absolute().parents] if path.exists())
    return shutil.disk_usage(existing).free
