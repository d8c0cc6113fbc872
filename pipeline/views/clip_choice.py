"""Which events become clips: by their id, their video, their class and their peak."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from stores.records import ScoredEvent, StoreError
from stores.scores.parts import folder_header
from stores.scores.reader import read_events, read_videos
from stores.scores.rows import ScoredVideo

if TYPE_CHECKING:
    from pipeline.commands.clip import ClipRun


@dataclass(frozen=True, slots=True)
class ChosenEvent:
    """An event that becomes a clip, and the row of its video."""

    video: ScoredVideo
    event: ScoredEvent

    @property
    def id(self) -> str:
        """What names an event: its video and its first frame, as in ``cam1/a.mp4@160``."""
        return f"{self.video.video_id}@{self.event.start}"


def choose_events(folder: Path, run: ClipRun) -> tuple[list[ChosenEvent], int]:
    """Return the chosen events, the highest peak first, and how many more would be.

    Raises:
        StoreError: No such event, video or class, or no event for which all choices hold.
    """
    videos = {video.video_id: video for video in read_videos(folder)}
    _check_classes(folder_header(folder).classes, run.classes, folder)
    wanted = {name for given in run.video for name in _videos_named(given, videos, folder)}
    events = [ChosenEvent(videos[name], each) for name, each in read_events(folder)]
    ids = {name for given in run.event for name in _events_named(given, events, videos, folder)}
    chosen = [
        each
        for each in events
        if (not ids or each.id in ids)
        and (not wanted or each.video.video_id in wanted)
        and (not run.classes or each.event.label in run.classes)
        and (run.peak is None or each.event.peak >= run.peak)
    ]
    if not chosen:
        asked = [each.event.peak for each in events if not wanted or each.video.video_id in wanted]
        there = f"the highest of all peaks is {max(asked):.2f}" if asked else "there is none"
        of = f"{', '.join(sorted(wanted))} in {folder}" if wanted else str(folder)
        raise StoreError(f"no event of {of} is chosen ({there}); ask for less")
    return chosen[: run.most], max(0, len(chosen) - run.most)


def _check_classes(known: Sequence[str], asked: Sequence[str], folder: Path) -> None:
    for name in asked:
        if name not in known[1:]:
            raise StoreError(f"no class {name!r} in {folder}; there are {', '.join(known[1:])}")


def _videos_named(name: str, videos: dict[str, ScoredVideo], folder: Path) -> Iterator[str]:
    """Yield the ids that a name means: one, all below a folder, all of a pattern, or of an end."""
    below = f"{name.rstrip('/')}/"
    found = [v for v in videos if v == name or v.startswith(below) or fnmatchcase(v, name)]
    found = found or [v for v in videos if v.endswith(f"/{name}") or Path(v).stem == name]
    if not found:
        near = difflib.get_close_matches(name, videos, n=3, cutoff=0.3)
        hint = f"; perhaps {', '.join(near)}" if near else ""
        raise StoreError(f"no video {name} in {folder}{hint}; `report` lists all there are")
    yield from found


def _events_named(
    given: str, events: Sequence[ChosenEvent], videos: dict[str, ScoredVideo], folder: Path
) -> Iterator[str]:
    video, _, frame = given.rpartition("@")
    if not video or not frame.isdecimal():
        example = events[0].id if events else "cam1/a.mp4@160"
        raise StoreError(f"{given} is no event; give a video and a first frame, as in {example}")
    names = set(_videos_named(video, videos, folder))
    there = [each for each in events if each.video.video_id in names]
    found = [each.id for each in there if each.event.start == int(frame)]
    if not found:
        starts = sorted(each.event.start for each in there)
        begin = (
            f"its events begin at {', '.join(map(str, starts[:10]))}" if starts else "it has none"
        )
        raise StoreError(f"no event of {video} in {folder} begins at frame {frame}; {begin}")
    yield from found
