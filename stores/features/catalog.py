"""What a feature folder holds, found from the shards themselves: there is nothing else to update.

A look-up by video id is one dictionary access, however many videos there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stores.features.shard_index import ShardRecipe, ShardVideo
from stores.features.shards import read_index
from stores.records import Failure, StoreError, VideoItem


@dataclass(frozen=True, slots=True)
class Catalog:
    """The videos and the failures of a folder of shards, by video id.

    A video that failed once and was read later counts as read. ``recipe`` is None while the folder
    holds no shard.
    """

    folder: Path
    recipe: ShardRecipe | None
    videos: dict[str, ShardVideo]
    failures: dict[str, Failure]

    @property
    def paths(self) -> dict[str, str]:
        """The files that the videos and failures stand for, by id."""
        failed = {key: failure.item.path for key, failure in self.failures.items()}
        return failed | {key: video.item.path for key, video in self.videos.items()}

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
    videos: dict[str, ShardVideo] = {}
    failures: dict[str, Failure] = {}
    for path in sorted(folder.glob("shard-*.h5")):
        index = read_index(path)
        if recipe is None:
            recipe, first = index.recipe, path
        elif index.recipe.fingerprint != recipe.fingerprint:
            raise StoreError(
                f"two recipes in one folder: {first} was made with {recipe.text}, "
                f"{path} with {index.recipe.text}; move one of them to a folder of its own"
            )
        videos.update({video.item.video_id: video for video in index.videos})
        failures.update({failure.item.video_id: failure for failure in index.failures})
    failures = {key: value for key, value in failures.items() if key not in videos}
    return Catalog(folder, recipe, videos, failures)
