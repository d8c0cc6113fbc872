"""Import of published features: a tree of ``<video>__<crop>.npy`` files to shards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from extract.clip_models import feature_width
from extract.recipe import IMPORTED
from pipeline.engine.events import ProgressBar, VideoFailed, VideoFinished, no_progress
from pipeline.outputs import Outputs, write_settings
from pipeline.stages.extract import refuse_other_recipe
from stores.datasets import base
from stores.features.catalog import open_catalog
from stores.features.manifest import write_manifest
from stores.features.published import CropFiles, find_features, read_features
from stores.features.shard_index import ShardRecipe
from stores.features.shards import write_shard
from stores.files.commit import exclusive
from stores.records import Failure, StoreError, VideoFeatures, VideoItem

if TYPE_CHECKING:
    from pipeline.commands.import_features import ImportFeaturesRun


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did: counts of videos, failures, and the names that are in no list."""

    folder: Path
    new: int
    already: int
    failures: tuple[Failure, ...]
    unlisted: tuple[str, ...]


def import_features(run: ImportFeaturesRun, *, progress: ProgressBar = no_progress) -> ImportReport:
    """Write a tree of published features as shards to OUT/<dataset>/features.

    Every listed video ends as features or as a failure with its reason; what was imported before is
    not read again.

    Raises:
        StoreError: No such files or lists, features of another recipe, or a folder not writable.
    """
    dataset = base.load(run.dataset)
    assert dataset.itemise is not None, "the settings name data sets with published lists only"
    files = find_features(run.folder)
    one_each = {name: min(crops.values()) for name, crops in files.items()}
    items = dataset.itemise(run.folder, run.lists, one_each)
    files = base.under_listed_names(files, [item.video_id for item in items])
    width = feature_width(IMPORTED.model)
    folder = Outputs(run.out).features(dataset.name)
    shard_recipe = ShardRecipe(IMPORTED.to_json(), IMPORTED.fingerprint)
    failures: list[Failure] = []
    with exclusive(folder):
        catalog = open_catalog(folder)
        refuse_other_recipe(catalog, IMPORTED)
        write_settings(folder, "import-features", run)
        write_manifest(folder, items)
        tried = set() if run.retry_failed else catalog.failures.keys()
        missing = [i for i in items if i.video_id not in catalog.videos.keys() | tried]
        with progress("import", len(missing)) as show:
            for start in range(0, len(missing), run.videos_per_shard):
                part = missing[start : start + run.videos_per_shard]
                read = [_read(i, files.get(i.video_id, {}), width, dataset) for i in part]
                failed = [each for each in read if isinstance(each, Failure)]
                videos = [each for each in read if isinstance(each, VideoFeatures)]
                write_shard(folder, shard_recipe, videos, failed)
                failures += failed
                for failure in failed:
                    show(VideoFailed(failure))
                for video in videos:
                    show(VideoFinished(video.item))
    known = [] if run.retry_failed else catalog.failed(items)
    return ImportReport(
        folder=folder,
        new=len(missing) - len(failures),
        already=len(items) - len(missing) - len(known),
        failures=(*failures, *known),
        unlisted=tuple(sorted(files.keys() - {item.video_id for item in items})),
    )


def _read(
    item: VideoItem, files: CropFiles, width: int, dataset: base.Dataset
) -> VideoFeatures | Failure:
    crop, rate = dataset.test_crop, dataset.frame_rate
    try:
        return read_features(item, files, width=width, test_crop=crop, frame_rate=rate)
    except StoreError as error:
        return Failure(item, str(error))
