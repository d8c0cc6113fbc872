"""Import of published features: a tree of ``.npy`` files, or HDF5 files, to shards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from extract.clip_models import check_model, feature_width
from extract.recipe import IMPORTED, Recipe
from pipeline.engine.events import ProgressBar, VideoFailed, VideoFinished, no_progress
from pipeline.outputs import Outputs, write_settings
from pipeline.stages.extract import refuse_other_recipe
from stores.datasets import base, listing
from stores.features.archives import CropSources, find_features
from stores.features.catalog import open_catalog
from stores.features.manifest import write_manifest
from stores.features.published import Archive, is_off, read_features
from stores.features.shard_index import ShardRecipe
from stores.features.shards import write_shard
from stores.files.commit import exclusive
from stores.records import Failure, StoreError, VideoFeatures, VideoItem

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.commands.import_features import ImportFeaturesRun


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did: counts of videos, failures, and the names that are in no list.

    ``off`` of the new videos have one or two segments more or fewer than their listed length gives.
    """

    folder: Path
    new: int
    already: int
    failures: tuple[Failure, ...]
    unlisted: tuple[str, ...]
    off: int = 0


class _Found(NamedTuple):
    """What an archive and a data set's lists have: items, their files, and their lengths."""

    items: list[VideoItem]
    files: Mapping[str, CropSources]
    lengths: Mapping[str, tuple[int, ...]]


def import_features(run: ImportFeaturesRun, *, progress: ProgressBar = no_progress) -> ImportReport:
    """Write a tree of published features as shards to OUT/<dataset>/features.

    Every listed video ends as features or as a failure with its reason; what was imported before is
    not read again.

    Raises:
        StoreError: No such files or lists, features of another recipe, or a folder not writable.
        ValueError: Unknown CLIP model.
    """
    dataset = base.load(run.dataset)
    recipe, archive = _described(run)
    found = _find(run, dataset)
    archive = replace(archive, crops=_crop_files(found.files))
    folder = Outputs(run.out).features(dataset.name)
    shard_recipe = ShardRecipe(recipe.to_json(), recipe.fingerprint)
    failures: list[Failure] = []
    off = 0
    with exclusive(folder):
        catalog = open_catalog(folder)
        refuse_other_recipe(catalog, recipe)
        write_settings(folder, "import-features", run)
        write_manifest(folder, found.items)
        tried = set() if run.retry_failed else catalog.failures.keys()
        missing = [i for i in found.items if i.video_id not in catalog.videos.keys() | tried]
        with progress("import", len(missing)) as show:
            for start in range(0, len(missing), run.videos_per_shard):
                part = missing[start : start + run.videos_per_shard]
                read = [_read(item, found, archive, dataset) for item in part]
                failed = [each for each in read if isinstance(each, Failure)]
                videos = [each for each in read if isinstance(each, VideoFeatures)]
                write_shard(folder, shard_recipe, videos, failed)
                failures += failed
                off += sum(is_off(v, found.lengths.get(v.item.video_id, ())) for v in videos)
                for failure in failed:
                    show(VideoFailed(failure))
                for video in videos:
                    show(VideoFinished(video.item))
    known = [] if run.retry_failed else catalog.failed(found.items)
    return ImportReport(
        folder=folder,
        new=len(missing) - len(failures),
        already=len(found.items) - len(missing) - len(known),
        failures=(*failures, *known),
        unlisted=tuple(sorted(found.files.keys() - {item.video_id for item in found.items})),
        off=off,
    )


def _described(run: ImportFeaturesRun) -> tuple[Recipe, Archive]:
    """Return the recipe of what is imported, and its form as it was stated."""
    model = run.clip or IMPORTED.model
    check_model(model)
    recipe, own = replace(IMPORTED, model=model), feature_width(model)
    width = run.width or own
    if width != own:  # of no CLIP: a head with a text adapter brings the texts to any width
        recipe = replace(recipe, weights=f"unknown, {width} wide")
    return recipe, Archive(
        width=width,
        row_frames=run.row_frames,
        crops_axis=run.crops_axis,
        crops_in_rows=run.crops_in_rows,
    )


def _find(run: ImportFeaturesRun, dataset: base.Dataset) -> _Found:
    assert dataset.itemise is not None, "the settings name data sets with published lists only"
    # Twice: the lists say which names there are, and where they do not, the files do.
    listed = [item.video_id for item in dataset.itemise(run.folder, run.lists, {})]
    files = find_features(run.folder, listed)
    one_each = {name: min(crops.items())[1].path for name, crops in files.items()}
    items = list(dataset.itemise(run.folder, run.lists, one_each))
    files = listing.under_listed_names(files, [item.video_id for item in items])
    known = dataset.lengths(run.folder, run.lists) if dataset.lengths is not None else {}
    lengths = {name: tuple(chain.from_iterable(own.values())) for name, own in known.items()}
    return _Found(items, files, lengths)


def _crop_files(files: Mapping[str, CropSources]) -> int:
    """Return how many files a video with a file for each crop has."""
    return max(max(crops) + 1 for crops in files.values())


def _read(
    item: VideoItem, found: _Found, archive: Archive, dataset: base.Dataset
) -> VideoFeatures | Failure:
    try:
        return read_features(
            item,
            found.files.get(item.video_id, {}),
            archive,
            test_crop=dataset.test_crop,
            frame_rate=dataset.frame_rate,
            lengths=found.lengths.get(item.video_id, ()),
        )
    except StoreError as error:
        return Failure(item, str(error))
