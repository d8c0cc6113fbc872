"""Which stretches of scored videos are known to be anomalous, by the data sets they are of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model.scoring.events import end_time
from pipeline.outputs import Outputs
from pipeline.views.report.records import Truth
from stores.features.feature_set import dataset_named
from stores.features.manifest import read_manifest
from stores.records import Event, StoreError, VideoItem, VideoScores

if TYPE_CHECKING:
    from pipeline.commands.report import ReportRun
    from stores.scores.rows import ScoredVideo


@dataclass(frozen=True, slots=True)
class TruthIndex:
    """The frame truth of annotated videos by id, by file and, where it was asked for, by name."""

    ids: dict[str, tuple[Event, ...]]
    files: dict[Path, tuple[Event, ...]]
    names: dict[str, tuple[Event, ...]]

    def of(self, video: ScoredVideo) -> tuple[Event, ...] | None:
        """Return the events of a scored video: () of a normal one, None where it is not known."""
        if video.video_id in self.ids:
            return self.ids[video.video_id]
        known = self.files.get(Path(video.path).resolve()) if video.path else None
        return self.names.get(Path(video.video_id).stem) if known is None else known


def find_truth(run: ReportRun, folder: Path) -> TruthIndex:
    """Return the truth that goes with a folder of scores.

    That of the data set that ``run`` names, for copies of its videos too, which are known by name.
    Otherwise that of the data sets whose features lie below the same outputs: for an evaluation its
    own, for other scores all of them, videos being known by their files.

    Raises:
        StoreError: A data set that was named is not there, or a list of videos is damaged.
    """
    if run.dataset is not None:
        if run.root is None:
            raise StoreError("--dataset needs --root, the folder of the data set's videos")
        named = dataset_named(run.dataset, Outputs(run.out).features(run.dataset))
        items = list(named.discover(run.root, run.lists))
        return TruthIndex(_by_id(items), _by_file(items), _by_name(items))
    if run.root is not None or run.lists is not None:
        raise StoreError("--root and --lists need --dataset, the data set they belong to")
    folder = folder.absolute()
    outputs, dataset = Outputs(folder.parent.parent), folder.parent.name
    if outputs.is_evaluation(folder):
        return TruthIndex(_by_id(_listed(outputs, [dataset])), {}, {})
    items = [i for each in {Outputs(run.out), outputs} for i in _listed(each, each.datasets())]
    return TruthIndex({}, _by_file(items), {})


def in_seconds(events: Iterable[Event], scores: VideoScores) -> list[Truth]:
    """Return annotated events on a video's own clock; what lies past its last frame is cut."""
    frames = scores.times.shape[0]
    events = [event.in_frames(scores.times) for event in events]
    return [
        Truth(
            start_time=float(scores.times[event.start]),
            end_time=end_time(scores.times, min(event.end, frames)),
            label=event.label,
        )
        for event in events
        if event.start < min(event.end, frames)
    ]


def _listed(outputs: Outputs, datasets: Iterable[str]) -> Iterator[VideoItem]:
    for dataset in datasets:
        yield from read_manifest(outputs.features(dataset)) or []


def _by_id(items: Iterable[VideoItem]) -> dict[str, tuple[Event, ...]]:
    return {item.video_id: item.events for item in items if item.events is not None}


def _by_file(items: Iterable[VideoItem]) -> dict[Path, tuple[Event, ...]]:
    return {
        Path(item.path).resolve(): item.events
        for item in items
        if item.events is not None and item.path
    }


def _by_name(items: Iterable[VideoItem]) -> dict[str, tuple[Event, ...]]:
    """Return truth by file name; a name that several videos have is left out."""
    names: dict[str, list[tuple[Event, ...] | None]] = defaultdict(list)
    for item in items:
        names[Path(item.video_id).stem].append(item.events)
    single = {name: events[0] for name, events in names.items() if len(events) == 1}
    return {name: events for name, events in single.items() if events is not None}
