"""Scores read back: what was scored, which events were found, and the frame scores themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stores.records import ScoredEvent, StoreError, VideoItem, VideoScores
from stores.scores.parts import KINDS, iterate_videos, parts_in, read_header, read_part
from stores.scores.schema import ScoreHeader, event_of
from stores.scores.writer import failure_name, is_ours


@dataclass(frozen=True, slots=True)
class ScoredVideo:
    """One row of ``videos/``; ``status`` is that of :class:`DecodeAudit`, or ``failed``."""

    video_id: str
    path: str
    status: str
    reason: str
    frames: int
    seconds: float
    peak: float
    label: str
    events: int


def read_videos(folder: Path, parts: Iterable[str] | None = None) -> list[ScoredVideo]:
    """Return the rows of ``videos/`` in order of id; none where nothing was scored yet.

    ``parts`` names the files to read, all by default; one that is not there has no rows. The folder
    may be written to meanwhile.

    Raises:
        StoreError: A part is damaged or not ours.
    """
    paths = parts_in(folder, "videos")
    if parts is not None:
        paths = [folder / "videos" / name for name in parts]
    videos = [video for path in paths for video in _videos_in(path)]
    return sorted(videos, key=lambda video: video.video_id)


def _videos_in(part: Path) -> list[ScoredVideo]:
    """Return the rows of a part; none where it is gone, as a failure's once it was scored."""
    try:
        rows = read_part(part, ScoredVideo.__slots__).to_pylist()
    except StoreError:
        if part.exists():
            raise
        return []
    return [ScoredVideo(**row) for row in rows]


def read_events(folder: Path) -> list[tuple[str, ScoredEvent]]:
    """Return every event with its video id, the highest peak first; errors as in read_videos."""
    rows = [row for part in parts_in(folder, "events") for row in read_part(part).to_pylist()]
    events = [(row.pop("video_id"), event_of(row)) for row in rows]
    return sorted(events, key=lambda pair: (-pair[1].peak, pair[0], pair[1].start))


def read_scores(folder: Path, items: Sequence[VideoItem]) -> Iterator[VideoScores]:
    """Yield the frame scores of the given videos in the order they lie in, one held at a time.

    A video that has no scores is skipped. Errors are as in read_videos.
    """
    wanted = {item.video_id: item for item in items}
    for part in parts_in(folder, "scores"):
        if is_ours(part.name) and not (folder / "videos" / part.name).is_file():
            continue  # of a run that is under way or was killed
        names = [f"p_{name}" for name in read_header(part).classes]
        for video_id, rows in iterate_videos(part, ["time", "score", *names], wanted.keys()):
            if item := wanted.pop(video_id, None):
                yield VideoScores(
                    item=item,
                    times=rows["time"].to_numpy(),
                    score=rows["score"].to_numpy(),
                    probabilities=np.stack([rows[name].to_numpy() for name in names], axis=1),
                )


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
    rows = read_part(videos).to_pylist()  # columns that nothing else reads as well
    if all(row["status"] == "failed" for row in rows):
        return
    for kind in ("scores", "events"):
        if not (folder / kind / name).is_file():
            raise StoreError(f"{folder / kind / name} is missing; score its videos again")
    frames = read_part(folder / "scores" / name).num_rows
    read_part(folder / "events" / name)
    if frames != sum(row["frames"] for row in rows):
        raise StoreError(f"{folder / 'scores' / name} has {frames} rows, not those of its videos")


def open_scores(folder: Path, header: ScoreHeader) -> list[ScoredVideo]:
    """Return what a folder to write into holds, after removing what a killed run left unfinished.

    That is scores and events whose videos were never committed, and failures of videos that were
    scored since.

    Raises:
        StoreError: What is there was made with another model, recipe or event rule.
    """
    committed = parts_in(folder, "videos")
    finished = {part.name for part in committed}
    for part in [*parts_in(folder, "scores"), *parts_in(folder, "events")]:
        if part.name not in finished and is_ours(part.name):
            part.unlink()
    for part in committed:
        if (theirs := read_header(part)) != header:
            raise StoreError(
                f"{folder} holds scores of another run ({_unlike(theirs, header)}); "
                "give another OUT, or remove them"
            )
    videos = read_videos(folder)
    scored = {video.video_id for video in videos if video.status != "failed"}
    outdated = [video for video in videos if video.status == "failed" and video.video_id in scored]
    for video in outdated:
        (folder / "videos" / failure_name(video.video_id)).unlink()
    return [video for video in videos if video not in outdated]


def remove_other_parts(folder: Path, header: ScoreHeader, kept: str) -> None:
    """Remove every part but the one named ``kept``, and that one too if it has another header.

    Damaged parts go as well, files of other makers stay.
    """
    for part in [part for kind in reversed(KINDS) for part in parts_in(folder, kind)]:
        try:
            keep = part.name == kept and read_header(part) == header
        except StoreError:
            keep = False
        if not keep and is_ours(part.name):
            part.unlink()


def _unlike(theirs: ScoreHeader, ours: ScoreHeader) -> str:
    pairs = zip(theirs.metadata().items(), ours.metadata().values(), strict=True)
    return ", ".join(
        f"{k.decode()} {a.decode()}, now {b.decode()}" for (k, a), b in pairs if a != b
    )
