"""The features of a data set as training and evaluation want them: found, checked, read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from stores.catalog import Catalog, open_catalog
from stores.datasets.base import Dataset
from stores.records import Split, StoreError, VideoFeatures
from stores.shards import ShardVideo, read_segments, read_times


def latest_dataset(out: Path) -> str:
    """Return the data set whose features were written last below ``out``.

    Raises:
        StoreError: There are no features at all.
    """
    shards = list(out.glob("*/features/shard-*.h5"))
    if not shards:
        raise StoreError(f"no features below {out}; run `make extract DATASET=…` first")
    return max(shards, key=lambda path: path.stat().st_mtime).parent.parent.name


def open_features(out: Path, dataset: Dataset) -> Catalog:
    """Return the catalog of a data set's features.

    Raises:
        StoreError: There are none, or a shard is damaged.
    """
    catalog = open_catalog(out / dataset.name / "features")
    if not catalog.videos:
        raise StoreError(
            f"no features in {catalog.folder}; run `make extract DATASET={dataset.name}` first"
        )
    return catalog


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

    A video that has a single crop gives that one. Errors are those of ``read_segments``.
    """
    for video in videos:
        chosen = None if crop is None or video.crops == 1 else crop
        segments = read_segments(video, chosen)
        yield VideoFeatures(
            item=video.item,
            segments=segments if segments.ndim == 3 else segments[np.newaxis],
            times=read_times(video),
            audit=video.audit,
        )
