"""Found events cut out of their videos: an MP4 an event, in a folder with a page, or in one zip."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from extract.container import DecodeError
from extract.excerpt import Excerpt, cut_excerpt
from extract.excerpt_copy import Span
from extract.killable import SLOWEST, killable
from extract.scored_frames import end_of
from extract.survey import Survey, survey
from pipeline.views.clip_choice import ChosenEvent, choose_events
from pipeline.views.clip_files import CLIPS, ClipFolder, digest_of, ranked
from pipeline.views.clip_records import Clip, ClipIndex, NotCut
from stores.files.commit import committing, exclusive
from stores.files.locations import is_remote
from stores.files.roots import Roots, recorded_roots
from stores.records import ScoredEvent, StoreError, VideoItem, VideoScores
from stores.scores.reader import read_scores
from stores.scores.rows import ScoredVideo

if TYPE_CHECKING:
    from pipeline.commands.clip import ClipRun

logger = logging.getLogger(__name__)

_LONGEST_WORD = 40  # characters of a video's or a class's name that go into that of a clip
_ROUNDING = 1e-6  # seconds


@dataclass(frozen=True, slots=True)
class Clips:
    """What a call made: the page of the folder, how many clips of how many, and which are lacking.

    ``kept`` were there already; ``left_out`` counts the events beyond ``--most``.
    """

    page: Path
    made: int
    kept: int
    left_out: int
    not_cut: list[NotCut]
    zip: Path | None


@dataclass(frozen=True)
class _Source:
    """A scored video; its file is found and surveyed once, and only if a clip has to be made."""

    scores: VideoScores
    video: ScoredVideo
    roots: Roots
    deadline: float

    @cached_property
    def found(self) -> Survey | str:
        """What there is to cut from, or why there is nothing."""
        video = self.video
        try:
            path = self.roots.find(video.video_id, video.path, video.content)
            logger.info("cutting %s", video.video_id)
            return killable(survey, path, self.scores.rate, deadline=self.longest)
        except (StoreError, DecodeError, OSError) as error:
            return str(error)

    @property
    def longest(self) -> float:
        """Seconds that a clip may take: its video may be decoded up to it, and it itself twice."""
        return max(self.deadline, 3 * SLOWEST * float(self.scores.times[-1]))


def clip(run: ClipRun) -> Clips:
    """Cut the chosen events out of their videos; return what was made and what was not.

    Raises:
        StoreError: No scores, no such event, or a folder or zip that cannot be written or is not
            ours.
    """
    if run.to is None and is_remote(run.scores):
        raise StoreError("clips are written to this machine alone; say into which folder (--to)")
    if run.zip is not None and run.zip.suffix.lower() != ".zip":
        raise ValueError(f"--zip writes one zip; give a name that ends in .zip, not {run.zip}")
    chosen, left_out = choose_events(run.scores, run)
    folder = ClipFolder(run.to or run.scores / CLIPS)
    with exclusive(folder.path, run.scores if run.to is None else None):
        folder.claim()
        kept, clips, lacking = 0, list[Clip](), list[NotCut]()
        for event, made in _cut_all(run, folder, chosen):
            if isinstance(made, str):
                lacking.append(NotCut(event.id, event.event.label, event.event.peak, made))
            else:
                outcome, is_new = made
                clips.append(outcome)
                kept += not is_new
        index = ClipIndex(
            title=run.scores.absolute().name,
            chosen=_choice(run),
            left_out=left_out,
            clips=folder.all_clips(),
            not_cut=sorted(lacking, key=lambda each: (-each.peak, each.event)),
        )
        page = folder.write_index(index)
        if run.zip is not None:
            folder.write_zip(run.zip, replace(index, clips=ranked(clips)))
    return Clips(page, len(clips) - kept, kept, left_out, lacking, run.zip)


def _cut_all(
    run: ClipRun, folder: ClipFolder, chosen: Sequence[ChosenEvent]
) -> Iterator[tuple[ChosenEvent, tuple[Clip, bool] | str]]:
    """Yield each event with its clip and whether that is new, or why there is none."""
    by_video: defaultdict[str, list[ChosenEvent]] = defaultdict(list)
    for each in chosen:
        by_video[each.video.video_id].append(each)
    roots = Roots(run.videos, recorded_roots(run.scores))
    for scores in read_scores(run.scores, [VideoItem(name, "") for name in by_video]):
        events = by_video.pop(scores.item.video_id)
        source = _Source(scores, events[0].video, roots, run.deadline)
        yield from ((each, _cut(run, folder, source, each)) for each in events)
    for events in by_video.values():
        yield from ((each, "its frames have no scores; score it again") for each in events)


def _cut(
    run: ClipRun, folder: ClipFolder, source: _Source, event: ChosenEvent
) -> tuple[Clip, bool] | str:
    """Return an event's clip and whether it was made now; or why there is none."""
    times, scores = source.scores.times, source.scores
    if event.event.end > times.size:
        return "its scores have fewer frames than it says; score the video again"
    span = span_of(scores, event.event, run.before, run.after)
    name = _name(event, span, source.video.file_digest, encode=run.encode)
    try:
        there = folder.kept(name)
    except StoreError as error:
        return str(error)
    if there is not None:
        return there, False
    if isinstance(found := source.found, str):
        return found
    try:
        with committing(folder.video(name), folder.path) as temporary:
            arguments = (temporary, found, times, span, run.encode)
            cut = killable(cut_excerpt, found.probe_info.path, *arguments, deadline=source.longest)
            clip = _record(event, f"{CLIPS}/{name}.mp4", cut, temporary, source)
            folder.describe(name, clip)
    except DecodeError as error:
        return str(error)
    return clip, True


def span_of(scores: VideoScores, event: ScoredEvent, before: float, after: float) -> Span:
    """Return the rows of an event and its margins, which end where the file's clock steps."""
    times, steps = scores.times, np.asarray(scores.clock_steps, dtype=np.int64)
    first = int(np.searchsorted(times, event.start_time - before - _ROUNDING))
    last = int(np.searchsorted(times, event.end_time + after - _ROUNDING))
    first = max([first, *steps[steps <= event.start].tolist()])
    last = min([last, *steps[steps >= event.end].tolist()])
    return Span(min(first, event.start), event.start, event.end, max(last, event.end))


def _name(event: ChosenEvent, span: Span, digest: str, *, encode: bool) -> str:
    """Return the name of a clip: what it shows in plain letters, and a digest of all that it is."""
    rows = span.first, span.start, span.end, span.last
    text = json.dumps([event.video.video_id, digest, rows, encode])
    words = [_plain(Path(event.video.video_id).stem), f"{event.event.start_time:.0f}s"]
    words += [_plain(event.event.label), hashlib.sha256(text.encode()).hexdigest()[:12]]
    return "-".join(filter(None, words))


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII).strip("_.-")[:_LONGEST_WORD]


def _record(event: ChosenEvent, file: str, cut: Excerpt, made: Path, source: _Source) -> Clip:
    size, digest = digest_of(made)
    times, found = source.scores.times, event.event
    return Clip(
        file=file,
        event=event.id,
        video=event.video.video_id,
        label=found.label,
        peak=found.peak,
        mean=found.mean,
        event_start_frame=found.start,
        event_end_frame=found.end,
        event_start=found.start_time,
        event_end=found.end_time,
        first_frame=cut.first,
        end_frame=cut.last,
        start=float(times[cut.first]),
        end=end_of(times, cut.last),
        clock_start=cut.start,
        clock_end=cut.end,
        method=cut.method,
        reason=cut.reason,
        codec=cut.codec,
        width=cut.width,
        height=cut.height,
        sound=cut.sound,
        remark=cut.remark,
        plays_in_browsers=cut.plays,
        bytes=size,
        sha256=digest,
        source_digest=source.video.file_digest,
    )


def _choice(run: ClipRun) -> str:
    """Return in words which events were asked for."""
    parts = [
        *(f"event {name}" for name in run.event),
        *(f"video {name}" for name in run.video),
        *(f"class {name}" for name in run.classes),
        *([] if run.peak is None else [f"peaks from {run.peak:g} on"]),
    ]
    return ", ".join(parts) or "all events"
