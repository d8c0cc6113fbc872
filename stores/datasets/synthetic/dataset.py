"""A generated data set: real encoded files of drawn surveillance footage, with known incidents.

Small enough to draw in half a minute and hard enough to mean something: brightness and motion do
not tell the incidents apart from ordinary life, only appearance does. Training videos carry one
class each and no times; where their incidents lie is written nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from stores.datasets.base import Dataset, refuse_lists
from stores.datasets.synthetic.footage import write_video
from stores.datasets.synthetic.incidents import PAINTERS
from stores.datasets.synthetic.plan import CLASSES, DEMO, Settings, VideoPlan, plan
from stores.datasets.synthetic.scenes import Scene
from stores.datasets.synthetic.views import Frame, draw_view
from stores.files.commit import commit_text, exclusive
from stores.files.locations import size_of
from stores.files.scan import find_videos
from stores.records import Event, StoreError, VideoItem

_VERSION = 1  # raise it when the same seed no longer draws the same pictures
_ANNOTATIONS, _PLAN = "annotations.json", "plan.json"
_SPLITS = "train", "test"  # folders of videos
_IN_PROCESS_SECONDS = 60.0  # of footage: below that, starting workers takes longer than drawing


def generate(root: Path, seed: int, settings: Settings = DEMO) -> None:
    """Write the data set of ``seed`` below ``root``; what is there of the same plan is kept.

    Videos appear one by one, whole, and ``annotations.json`` last, so that a killed run goes on
    where it stopped. Videos of another plan are replaced.

    Raises:
        StoreError: ``root`` holds videos that this function did not write, or cannot be written.
    """
    plans = plan(seed, settings)
    stamp = json.dumps({"version": _VERSION, "seed": seed, "settings": asdict(settings)})
    with exclusive(root):
        _clear_other_plan(root, stamp)
        missing = [p for p in plans if not (root / p.file_name).is_file()]
        if missing:
            _draw_all(missing, root)
        if missing or not (root / _ANNOTATIONS).is_file():
            commit_text(root / _ANNOTATIONS, json.dumps([_annotate(p) for p in plans], indent=1))


def discover(root: Path, lists: Path | None = None) -> Sequence[VideoItem]:
    """Return the generated videos; only those of the test split come with their events.

    Raises:
        StoreError: The data set is not there, not complete, or damaged; generate it again.
    """
    refuse_lists("synthetic", lists)
    path = root / _ANNOTATIONS
    again = "generate the synthetic data set again"
    try:
        rows = json.loads(path.read_text())
        items = [_to_item(row, root) for row in rows]
    except FileNotFoundError as error:
        raise StoreError(f"no {path}; {again}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is damaged ({error}); {again}") from error
    for item in items:
        if size_of(item.path) is None:
            raise StoreError(f"{item.path} is missing; {again}")
    return items


def _clear_other_plan(root: Path, stamp: str) -> None:
    """Remove the videos of another plan, and write down which plan is drawn from now on."""
    path = root / _PLAN
    if path.is_file() and path.read_text() == stamp:
        return
    if not path.is_file() and (foreign := find_videos(root)):
        raise StoreError(f"{foreign[0]} is of another origin; give an empty folder")
    (root / _ANNOTATIONS).unlink(missing_ok=True)
    for split in _SPLITS:
        if (root / split).is_dir():
            for video in find_videos(root / split):
                video.unlink()
    commit_text(path, stamp)


def _draw_all(plans: Sequence[VideoPlan], root: Path) -> None:
    """Draw and encode videos, in this process where that is quicker and on every core elsewhere."""
    if sum(p.frames / p.fps for p in plans) < _IN_PROCESS_SECONDS:
        for video in plans:
            draw_video(video, root)
        return
    # spawn: a forked child of a process that runs Ray or OpenCV threads may hang.
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for _ in pool.map(draw_video, plans, [root] * len(plans)):
            pass


def draw_video(video: VideoPlan, root: Path) -> None:
    """Draw one video and encode it into its split's folder below ``root``."""
    cv2.setNumThreads(1)  # there is a process a core already
    view = draw_view(np.random.default_rng([video.seed, 2, video.camera]))
    generator = np.random.default_rng([video.seed, video.split == "test", video.number, 1])
    scene = Scene(view, generator, fps=video.fps, frames=video.frames)
    painters = [PAINTERS[video.label](generator, scene.horizon) for _ in video.events]

    def pictures() -> Iterator[Frame]:
        for index in range(video.frames):
            incident = None
            for (start, end), paint in zip(video.events, painters, strict=True):
                if start <= index < end:
                    incident = partial(paint, seconds=(index - start) / video.fps)
            yield scene.render(index, incident)

    write_video(
        root / video.file_name,
        pictures(),
        codec=video.codec,
        fps=video.fps,
        seed=video.seed + video.number,
    )


def _annotate(video: VideoPlan) -> dict[str, str | list[tuple[int, int]] | None]:
    """Return what is made known of a video: nothing of a training video's times."""
    return {
        "file": video.file_name,
        "split": video.split,
        "label": video.label,
        "events": list(video.events) if video.split == "test" else None,
    }


def _to_item(row: dict[str, Any], root: Path) -> VideoItem:
    label, events = row["label"], row["events"]
    return VideoItem(
        video_id=Path(row["file"]).stem,
        path=str((root / row["file"]).absolute()),
        split=row["split"],
        labels=(label,),
        events=None if events is None else tuple(Event(s, e, label) for s, e in events),
    )


DATASET = Dataset(
    name="synthetic",
    classes=CLASSES,
    prompts=tuple((name,) for name in CLASSES),
    discover=discover,
    preset="small",
    recipe="demo",
    metric="auc",
    generate=generate,
)
