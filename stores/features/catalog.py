"""What a feature folder holds, found from the shards themselves: there is nothing else to update.

A look-up by video id is one dictionary access, however many videos there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stores.features.shard_index import ShardIndex, ShardRecipe, ShardVideo
from stores.features.shards import read_index, read_segments, read_times, write_shard
from stores.files.requests import side_by_side
from stores.records import Failure, StoreError, VideoFeatures, VideoItem


@dataclass(frozen=True, slots=True)
class Catalog:
    """The videos and the failures of a folder of shards, by video id.

    Of a video that lies in several shards the one of the highest generation counts, and within one
    generation a success. ``generation`` is the highest there is, ``outdated`` are the shards that
    hold something which does not count any more. ``recipe`` is None while there is no shard.
    """

    folder: Path
    recipe: ShardRecipe | None
    videos: dict[str, ShardVideo]
    failures: dict[str, Failure]
    generation: int = 0
    outdated: tuple[Path, ...] = ()

    def failed(self, items: Sequence[VideoItem]) -> list[Failure]:
        """Return the recorded failures among the items, in their order."""
        return [self.failures[item.video_id] for item in items if item.video_id in self.failures]


def open_catalog(folder: Path) -> Catalog:
    """Read the index of every shard in ``folder``; a folder that is not there is an empty catalog.

    Raises:
        StoreError: A shard is damaged, or two shards were made by different recipes.
    """
    recipe: ShardRecipe | None = None
    first: Path | None = None
    shards: list[tuple[Path, ShardIndex]] = []
    paths = sorted(folder.glob("shard-*.h5"))
    for path, index in zip(paths, side_by_side(read_index, paths, folder), strict=True):
        if recipe is None:
            recipe, first = index.recipe, path
        elif index.recipe.fingerprint != recipe.fingerprint:
            raise StoreError(
                f"two recipes in one folder: {first} was made with {recipe.text}, "
                f"{path} with {index.recipe.text}; move one of them to a folder of its own"
            )
        shards.append((path, index))
    shards.sort(key=lambda shard: shard[1].generation)
    newest: dict[str, tuple[int, bool, Path]] = {}  # generation, was it read, and where
    for path, index in shards:
        for video_id, was_read in _entries(index):
            candidate = (index.generation, was_read, path)
            if video_id not in newest or newest[video_id][:2] <= candidate[:2]:
                newest[video_id] = candidate
    videos: dict[str, ShardVideo] = {}
    failures: dict[str, Failure] = {}
    outdated: list[Path] = []
    for path, index in shards:
        kept = {key for key, was_read in _entries(index) if newest[key][1:] == (was_read, path)}
        videos.update({v.item.video_id: v for v in index.videos if v.item.video_id in kept})
        failures.update({f.item.video_id: f for f in index.failures if f.item.video_id in kept})
        if len(kept) < len(index.videos) + len(index.failures):
            outdated.append(path)
    generation = shards[-1][1].generation if shards else 0
    return Catalog(folder, recipe, videos, failures, generation, tuple(outdated))


def drop_outdated(catalog: Catalog) -> None:
    """Write shards that hold something outdated anew without it, and remove the old ones.

    Whatever is interrupted is taken up by the next call: what lies in two shards of one generation
    counts once.

    Raises:
        StoreError: A shard is damaged, or the folder cannot be written.
    """
    for path in catalog.outdated:
        index = read_index(path)
        videos = [v for v in index.videos if catalog.videos.get(v.item.video_id) == v]
        failures = [f for f in index.failures if catalog.failures.get(f.item.video_id) == f]
        if videos or failures:
            features = [
                VideoFeatures(v.item, read_segments(v), read_times(v), v.audit, v.content)
                for v in videos
            ]
            write_shard(catalog.folder, index.recipe, features, failures, index.generation)
        path.unlink()


def _entries(index: ShardIndex) -> Iterator[tuple[str, bool]]:
    """Yield the id of everything in a shard, and whether it was read."""
    yield from ((video.item.video_id, True) for video in index.videos)
    yield from ((failure.item.video_id, False) for failure in index.failures)
