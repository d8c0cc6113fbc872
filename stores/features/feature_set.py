"""The features of a data set as training and evaluation need them: found, checked, read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stores.datasets import base
from stores.datasets.base import Dataset
from stores.datasets.custom.dataset import read_dataset
from stores.features.catalog import Catalog, open_catalog
from stores.features.manifest import read_manifest
from stores.features.shard_index import ShardRecipe, ShardVideo
from stores.features.shards import read_segments, read_times
from stores.files.names import counted
from stores.files.requests import side_by_side
from stores.records import (
    SEGMENT_FRAMES,
    Event,
    Failure,
    Split,
    StoreError,
    VideoFeatures,
    VideoItem,
)

Known = TypeVar("Known", ShardVideo, Failure)


def dataset_named(name: str, features: Path) -> Dataset:
    """Return a data set by name: a registered one, or a user's own with features in that folder.

    Raises:
        StoreError: There is none of that name.
    """
    own = read_dataset(features)
    return base.load(name) if own is None else own


def open_features(folder: Path, dataset: Dataset) -> Catalog:
    """Return the catalog of a data set's features, each video as the last run's manifest has it.

    Events are in frames, whatever the lists have them in.

    Shards keep what was known when a video was read. Lists are corrected and splits changed without
    reading it again; a video that is no longer listed does not count.

    Raises:
        StoreError: There are none, a shard is damaged, or as for :func:`check_labels`.
    """
    catalog = open_catalog(folder)
    if not catalog.videos:
        command = f"make extract DATASET={dataset.name}"
        raise StoreError(f"no features in {folder}; run `{command}` first")
    listed = read_manifest(folder)
    if listed is not None:
        items = {item.video_id: item for item in listed}
        videos, failures = _listed(catalog.videos, items), _listed(catalog.failures, items)
        catalog = replace(catalog, videos=videos, failures=failures)
    framed = side_by_side(_in_frames, catalog.videos.values(), folder)
    catalog = replace(catalog, videos=dict(zip(catalog.videos, framed, strict=True)))
    check_labels(catalog, dataset.classes, dataset.name)
    return catalog


def check_labels(catalog: Catalog, classes: Sequence[str], owner: str) -> None:
    """Check that the videos and events of both splits are of classes that ``owner`` has.

    Raises:
        StoreError: One is not; the message names the video and its label.
    """
    for video in catalog.videos.values():
        item = video.item
        labels = dict.fromkeys([*item.labels, *(event.label for event in item.events or ())])
        strange = [label for label in labels if label not in classes]
        if item.split != "none" and (strange or not item.labels):
            label = repr(strange[0]) if strange else "no class"
            raise StoreError(
                f"{catalog.folder}: {item.video_id} is of {label}; the classes of {owner} are "
                f"{', '.join(classes)}"
            )


def _in_frames(video: ShardVideo) -> ShardVideo:
    """Return a video with its truth in the frames that were read, which lists may have in seconds.

    Of a folder of images lists count those that were lost, too: their numbers are known.
    """
    events, audit = video.item.events or (), video.audit
    is_lacking = audit.decoder == "images" and audit.lost_frames > 0
    if not is_lacking and all(event.unit == "frames" for event in events):
        return video
    times = read_times(video)
    if is_lacking:
        places = np.rint(times * audit.expected_frames / audit.container_seconds)
        events = tuple(_among(events, places))
    events = tuple(event.in_frames(times) for event in events)
    return replace(video, item=replace(video.item, events=events))


def _among(events: Sequence[Event], places: NDArray[np.float64]) -> Iterator[Event]:
    """Yield events in the frames at some places of all [F]: none where all of its own were lost.

    What lies past the last place stays past it, and is found to be the truth of another video.
    """
    for event in events:
        start, end = np.searchsorted(places, [event.start, event.end]).tolist()
        if event.unit != "frames":
            yield event
        elif start < end or start == len(places):
            yield replace(event, start=start, end=max(end, start + 1))


def _listed(known: Mapping[str, Known], items: Mapping[str, VideoItem]) -> dict[str, Known]:
    return {key: replace(each, item=items[key]) for key, each in known.items() if key in items}


def videos_of(catalog: Catalog, split: Split) -> list[ShardVideo]:
    """Return the videos of a split in order of id.

    Raises:
        StoreError: The split has no video, as in a folder of unlabelled ones.
    """
    videos = [video for video in catalog.videos.values() if video.item.split == split]
    if not videos:
        raise StoreError(
            f"{catalog.folder} holds no video of the {split} split; a folder of videos without "
            "labels can be scored, not trained on"
        )
    return sorted(videos, key=lambda video: video.item.video_id)


def read_videos(videos: Sequence[ShardVideo], crop: int | None = None) -> Iterator[VideoFeatures]:
    """Yield the features of each video: all crops, or one of them.

    A video with a single crop yields that one; events end with their video; errors as in
    ``read_segments``.
    """
    place = next((video.shard for video in videos), Path())
    yield from side_by_side(partial(_read_video, crop=crop), videos, place)


def _read_video(video: ShardVideo, crop: int | None) -> VideoFeatures:
    segments = read_segments(video, None if video.crops == 1 else crop)
    events = video.item.events
    if events is not None:  # published ones may pass the last frame
        events = tuple(replace(event, end=min(event.end, video.frames)) for event in events)
    return VideoFeatures(
        item=replace(video.item, events=events),
        segments=segments if segments.ndim == 3 else segments[np.newaxis],
        times=read_times(video),
        audit=video.audit,
        content=video.content,
    )


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of the listed test videos figures are over; the others have no features."""

    evaluated: int
    listed: int

    @property
    def is_partial(self) -> bool:
        """Whether videos are missing, so that figures are not those of the data set."""
        return self.evaluated < self.listed

    def __str__(self) -> str:
        """Return both numbers in words, or the one where they are equal."""
        all_of_them = counted(self.listed, "test video")
        return f"{self.evaluated:,} of {all_of_them}" if self.is_partial else all_of_them


def coverage_of(catalog: Catalog) -> Coverage:
    """Return how many test videos of a catalog have features, of those and the failed ones."""
    failed = sum(failure.item.split == "test" for failure in catalog.failures.values())
    evaluated = sum(video.item.split == "test" for video in catalog.videos.values())
    return Coverage(evaluated, evaluated + failed)


def check_test(catalog: Catalog) -> None:
    """Check that the test split's features, truth and manifest fit, before any metric is computed.

    Raises:
        StoreError: They do not; the message says how, and names the videos.
    """
    listed = {i.video_id for i in read_manifest(catalog.folder) or [] if i.split == "test"}
    unread = sorted(listed - catalog.videos.keys() - catalog.failures.keys())
    if unread:
        what = f"{_named(unread)} of the test split"
        raise StoreError(f"{what} have no features yet; run the same extract again")
    test = videos_of(catalog, "test")
    unlabelled = [v.item.video_id for v in test if v.item.events is None]
    if unlabelled:
        raise StoreError(f"test videos without frame truth: {_named(unlabelled)}")
    beyond = [
        f"{v.item.video_id} (event at frame {event.start} of {v.frames})"
        for v in test
        for event in v.item.events or ()
        if event.start >= v.frames
    ]
    if beyond:
        raise StoreError(
            f"truth and video do not belong together: {_named(beyond)}; is a file cut short, or "
            "another version of the video?"
        )
    unlike = [
        f"{v.item.video_id} ({v.segments} segments, {v.frames} frames)"
        for v in test
        if v.segments not in (max(v.frames // SEGMENT_FRAMES, 1), -(-v.frames // SEGMENT_FRAMES))
    ]
    if unlike:
        raise StoreError(f"features and frames do not go together: {_named(unlike)}")


def load_test(catalog: Catalog, recipe: ShardRecipe, crop: int) -> list[VideoFeatures]:
    """Return one crop of the test split's features, after checking that all of it fits together.

    Raises:
        StoreError: The features were made with another recipe, or as for :func:`check_test`.
    """
    assert catalog.recipe is not None, "a catalog with videos has a recipe"
    if catalog.recipe.fingerprint != recipe.fingerprint:
        raise StoreError(
            f"{catalog.folder} was made with {catalog.recipe.text}, the checkpoint's features with "
            f"{recipe.text}; extract with the same recipe"
        )
    check_test(catalog)
    return list(read_videos(videos_of(catalog, "test"), crop))


def _named(names: Sequence[str]) -> str:
    rest = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + rest
