"""The features of a data set as training and evaluation want them: found, checked, read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from stores.datasets import base
from stores.datasets.base import Dataset
from stores.datasets.custom.dataset import read_dataset
from stores.features.catalog import Catalog, open_catalog
from stores.features.manifest import read_listing
from stores.features.shard_index import ShardRecipe, ShardVideo
from stores.features.shards import read_segments, read_times
from stores.records import SEGMENT_FRAMES, Split, StoreError, VideoFeatures, VideoItem


def latest_dataset(out: Path) -> str:
    """Return the data set whose features were written last below ``out``.

    Raises:
        StoreError: There are no features at all.
    """
    shards = list(out.glob("*/features/shard-*.h5"))
    if not shards:
        raise StoreError(f"no features below {out}; run `make extract DATASET=…` first")
    return max(shards, key=lambda path: path.stat().st_mtime).parent.parent.name


def dataset_named(out: Path, name: str) -> Dataset:
    """Return a data set by name: one of those that are known, or one's own that was extracted.

    Raises:
        StoreError: There is none of that name.
    """
    own = read_dataset(out / name / "features")
    return base.load(name) if own is None else own


def open_features(out: Path, dataset: Dataset) -> Catalog:
    """Return the catalog of a data set's features, each video as the list of the last run has it.

    Shards keep what was known when a video was read. Lists are corrected and splits changed without
    reading it again; a video that is no longer listed does not count.

    Raises:
        StoreError: There are none, or a shard is damaged.
    """
    catalog = open_catalog(out / dataset.name / "features")
    if not catalog.videos:
        raise StoreError(
            f"no features in {catalog.folder}; run `make extract DATASET={dataset.name}` first"
        )
    listed = read_listing(catalog.folder)
    if listed is None:
        return catalog
    items = {item.video_id: item for item in listed}
    videos = {
        name: replace(video, item=items[name])
        for name, video in catalog.videos.items()
        if name in items
    }
    failures = {
        name: replace(failure, item=items[name])
        for name, failure in catalog.failures.items()
        if name in items
    }
    return replace(catalog, videos=videos, failures=failures)


def videos_of(catalog: Catalog, split: Split) -> list[ShardVideo]:
    """Return the videos of a split in order of id.

    Raises:
        StoreError: The split has no video, as in a folder of unlabelled ones.
    """
    videos = sorted(
        (video for video in catalog.videos.values() if video.item.split == split),
        key=lambda video: video.item.video_id,
    )
    if not videos:
        raise StoreError(
            f"{catalog.folder} holds no video of the {split} split; a folder of videos without "
            "labels can be scored, not trained on"
        )
    return videos


def read_videos(videos: Sequence[ShardVideo], crop: int | None = None) -> Iterator[VideoFeatures]:
    """Yield the features of each video, all crops of it or the one asked for.

    A video that has a single crop gives that one, and events end with their video. Errors are those
    of ``read_segments``.
    """
    for video in videos:
        chosen = None if crop is None or video.crops == 1 else crop
        segments = read_segments(video, chosen)
        yield VideoFeatures(
            item=_cut(video),
            segments=segments if segments.ndim == 3 else segments[np.newaxis],
            times=read_times(video),
            audit=video.audit,
        )


def _cut(video: ShardVideo) -> VideoItem:
    """Return a video's item with its events cut at its last frame: published ones may pass it."""
    events = video.item.events
    if events is None:
        return video.item
    cut = tuple(replace(event, end=min(event.end, video.frames)) for event in events)
    return replace(video.item, events=cut)


def check_test(catalog: Catalog) -> None:
    """Join the test split's features, its truth and its list, before any metric is computed.

    Raises:
        StoreError: A listed test video was never read, one has no truth, an event of the truth
            begins after the video's last frame, or segments and frames do not go together. The
            message names the videos.
    """
    listed = read_listing(catalog.folder) or []
    unread = [item.video_id for item in catalog.missing(listed) if item.split == "test"]
    if unread:
        raise StoreError(
            f"{_named(unread)} of the test split have no features yet; run the same extract again"
        )
    test = videos_of(catalog, "test")
    untold = [v.item.video_id for v in test if v.item.events is None]
    if untold:
        raise StoreError(f"test videos without frame truth: {_named(untold)}")
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


def _named(names: Sequence[str], most: int = 5) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
