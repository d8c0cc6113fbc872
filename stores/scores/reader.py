"""Scores read back: what was scored, which events were found, and the frame scores themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from stores.files.commit import refuse_links
from stores.files.requests import side_by_side
from stores.files.typed import convert
from stores.records import LabelledScores, ScoredEvent, StoreError, VideoItem, VideoScores
from stores.scores.outdated import drop_outdated, newest, relabel_part
from stores.scores.parts import (
    KINDS,
    OpenPart,
    iterate_videos,
    open_part,
    parts_in,
    read_header,
    read_part,
    refuse_gaps,
    whole_parts,
)
from stores.scores.rows import ScoredVideo, event_of
from stores.scores.schema import ScoreHeader, class_columns
from stores.scores.writer import is_ours


def read_videos(folder: Path, parts: Iterable[str] | None = None) -> list[ScoredVideo]:
    """Return the row of each video in order of id; none where nothing was scored yet.

    ``parts`` names the files to read, all by default; one that is not there has no rows. The folder
    may be written to meanwhile.

    Raises:
        StoreError: A part is damaged or not ours.
    """
    paths = parts_in(folder, "videos")
    if parts is not None:
        paths = [folder / "videos" / name for name in parts]
    rows = newest(row for rows in side_by_side(videos_in, paths, folder) for row in rows)
    return sorted(rows.values(), key=lambda video: video.video_id)


def videos_in(part: Path) -> list[ScoredVideo]:
    """Return the rows of a part; none where it is gone, as a failure's once it was scored."""
    columns = [name for name in ScoredVideo.__slots__ if name != "part"]
    try:
        rows = read_part(part, columns).to_pylist()
    except StoreError:
        if part.exists():
            raise
        return []
    return convert([row | {"part": part.name} for row in rows], list[ScoredVideo], f"{part}: rows")


def read_events(folder: Path) -> list[tuple[str, ScoredEvent]]:
    """Return every event with its video id, the highest peak first; errors as for scores."""
    counting, parts = _Counting(folder), whole_parts(folder, "events")
    events = [
        (video_id, event)
        for part, found in zip(parts, side_by_side(_events_in, parts, folder), strict=True)
        for video_id, event in found
        if counting.has(video_id, part)
    ]
    return sorted(events, key=lambda pair: (-pair[1].peak, pair[0], pair[1].start))


def _events_in(part: Path) -> list[tuple[str, ScoredEvent]]:
    rows = read_part(part).to_pylist()
    names = convert([row["video_id"] for row in rows], list[str], f"{part}: video_id")
    return [(name, event_of(row, part)) for name, row in zip(names, rows, strict=True)]


def read_scores(folder: Path, items: Sequence[VideoItem]) -> Iterator[VideoScores]:
    """Yield the frame scores of the given videos in the order they lie in, one held at a time.

    A video that has no scores is skipped. Errors are as in read_videos, or a part is missing.
    """
    wanted, counting = {item.video_id: item for item in items}, _Counting(folder)
    parts = (
        part
        for part in whole_parts(folder, "scores")
        if any(counting.has(video_id, part) for video_id in wanted)
    )
    for part in side_by_side(open_part, parts, folder):
        there = {key: item for key, item in wanted.items() if counting.has(key, part.path)}
        for scores in _scores_in(part, there, counting.rows):
            if wanted.pop(scores.item.video_id, None):
                yield scores


def _scores_in(
    part: OpenPart, items: Mapping[str, VideoItem], rows_of: Mapping[str, ScoredVideo]
) -> Iterator[VideoScores]:
    names = class_columns(part.header.classes)
    for video_id, rows in iterate_videos(part, ["time", "score", *names], items.keys()):
        if item := items.get(video_id):
            refuse_gaps(rows, part.path)
            yield VideoScores(
                item=item,
                times=rows["time"].to_numpy(),
                score=rows["score"].to_numpy(),
                probabilities=np.stack([rows[name].to_numpy() for name in names], axis=1),
                clock_steps=rows_of[video_id].clock_step_frames if video_id in rows_of else (),
            )


class _Counting:
    """Which part each video's rows count in: not one that is under way, was killed or is outdated.

    Files of other makers, which have no rows in ``videos/``, count for whatever they hold.
    """

    def __init__(self, folder: Path) -> None:
        self.rows = {row.video_id: row for row in read_videos(folder)}

    def has(self, video_id: str, part: Path) -> bool:
        row = self.rows.get(video_id)
        return (row is not None and row.part == part.name) or not is_ours(part.name)


def check_part(folder: Path, name: str) -> None:
    """Read all of one part, its scores, events and videos, or of one failure.

    Raises:
        StoreError: A file is damaged, not ours or not there, or they do not go together.
    """
    if not is_ours(name):
        raise StoreError(f"{folder}: {name} is no part of scores; move it out of the folder")
    videos = folder / "videos" / name
    if not videos.is_file():
        raise StoreError(f"{folder}: the run that wrote {name} did not come to its end")
    read_part(videos)  # columns that nothing else reads as well
    rows = videos_in(videos)
    if all(row.status == "failed" for row in rows):
        return
    for kind in ("scores", "events"):
        if not (folder / kind / name).is_file():
            raise StoreError(f"{folder / kind / name} is missing; score its videos again")
    scores = read_part(folder / "scores" / name)
    refuse_gaps(scores, folder / "scores" / name)
    frames = scores.num_rows
    _events_in(folder / "events" / name)
    if frames != sum(row.frames for row in rows):
        raise StoreError(f"{folder / 'scores' / name} has {frames} rows, not those of its videos")


def newest_header(folder: Path) -> ScoreHeader:
    """Return the header of what was written last to a folder of scores.

    Raises:
        StoreError: Nothing was scored there, or a part is damaged or not ours.
    """
    rows = read_videos(folder)
    if not rows:
        raise StoreError(f"no scores in {folder}; run `make score` or `make evaluate` first")
    return read_header(folder / "videos" / max(rows, key=lambda row: row.generation).part)


Relabel = Callable[[Iterable[VideoScores], ScoreHeader], Sequence[LabelledScores]]
"""From the scores of a part and its header to the same videos by another rule or temperature."""


def open_scores(
    folder: Path, header: ScoreHeader, relabel: Relabel | None = None
) -> list[ScoredVideo]:
    """Return what a folder to write into holds, after removing what a killed run left unfinished.

    That is scores and events whose videos were never committed, and rows of videos that were scored
    again since. Parts of another rule or temperature are replaced by what ``relabel`` makes of
    their scores, one part at a time; what is interrupted goes on with the next call.

    Raises:
        StoreError: What is there was made with another model or recipe, or is a link; or with
            another rule or temperature, and there is no ``relabel``.
    """
    for kind in KINDS:
        refuse_links(folder / kind, folder)
    committed = parts_in(folder, "videos")
    finished = {part.name for part in committed}
    for part in [*parts_in(folder, "scores"), *parts_in(folder, "events")]:
        if part.name not in finished and is_ours(part.name):
            part.unlink()
    for theirs in side_by_side(read_header, committed, folder):
        if theirs != header and not (relabel and theirs.has_scores_of(header)):
            raise StoreError(
                f"{folder} holds scores of another run ({_unlike(theirs, header)}); give another "
                "folder for these (SCORES=, or --out), or remove them"
            )
    rows = [row for rows in side_by_side(videos_in, committed, folder) for row in rows]
    drop_outdated(folder, rows)
    if relabel:
        _relabel_parts(folder, header, relabel)
    return read_videos(folder)


def _relabel_parts(folder: Path, header: ScoreHeader, relabel: Relabel) -> None:
    """Replace the parts of another rule or temperature; no row is outdated when this begins."""
    rows = {row.video_id: row for row in read_videos(folder)}
    generation = max((row.generation for row in rows.values()), default=0) + 1
    for name in sorted({row.part for row in rows.values()}):
        if (theirs := read_header(folder / "videos" / name)) == header:
            continue
        items = {
            row.video_id: VideoItem(row.video_id, row.path)
            for row in rows.values()
            if row.part == name and row.status != "failed"
        }
        scores = _scores_in(open_part(folder / "scores" / name), items, rows) if items else ()
        relabel_part(folder, name, header, relabel(scores, theirs), generation)


def remove_other_parts(folder: Path, header: ScoreHeader, kept: str) -> None:
    """Remove every part but the one named ``kept``, and that one too if it has another header.

    Damaged parts go as well, files of other makers stay. Of each part goes first what says that the
    others are whole.

    Raises:
        StoreError: A folder of the parts is a link.
    """
    for kind in KINDS:
        refuse_links(folder / kind, folder)
    keep = all(_has_header(folder / kind / kept, header) for kind in KINDS)
    for part in [part for kind in reversed(KINDS) for part in parts_in(folder, kind)]:
        if is_ours(part.name) and not (keep and part.name == kept):
            part.unlink()


def _has_header(part: Path, header: ScoreHeader) -> bool:
    try:
        return read_header(part) == header
    except StoreError:
        return False


def _unlike(theirs: ScoreHeader, ours: ScoreHeader) -> str:
    pairs = zip(theirs.metadata().items(), ours.metadata().values(), strict=True)
    return ", ".join(
        f"{k.decode()} {a.decode()}, now {b.decode()}" for (k, a), b in pairs if a != b
    )
