"""A generated data set: real encoded files of drawn surveillance footage, with known incidents.

Small enough to draw in half a minute and hard enough to be a test: only appearance tells incidents
from ordinary life, not brightness or motion. Where those of training videos lie is written nowhere.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import active_children, get_context
from pathlib import Path

import cv2
import numpy as np

from stores.datasets.base import Dataset
from stores.datasets.listing import refuse_lists
from stores.datasets.synthetic.footage import write_video
from stores.datasets.synthetic.incidents import PAINTERS
from stores.datasets.synthetic.plan import CLASSES, DEMO, Settings, VideoPlan, plan
from stores.datasets.synthetic.scenes import Scene
from stores.datasets.synthetic.views import Frame, draw_view
from stores.files.commit import commit_text, exclusive, refuse_links
from stores.files.locations import size_of
from stores.files.scan import find_videos
from stores.files.typed import read_json
from stores.records import Event, Split, StoreError, VideoItem

_VERSION = 1  # raise it when the same seed no longer draws the same pictures
_ANNOTATIONS, _PLAN = "annotations.json", "plan.json"
_IN_PROCESS_SECONDS = 60.0  # of footage: below that, starting workers takes longer than drawing


@dataclass(frozen=True, slots=True)
class _Annotation:
    """What is published of a video: of a training video no times."""

    file: str
    split: Split
    label: str
    events: tuple[tuple[int, int], ...] | None


def generate(root: Path, seed: int, settings: Settings = DEMO) -> None:
    """Write the data set of ``seed`` below ``root``; what is there of the same plan is kept.

    Videos appear one by one, whole, and ``annotations.json`` last, so that a killed run goes on
    where it stopped. Videos of another plan are replaced.

    Raises:
        StoreError: ``root`` holds videos that this function did not write, or links in the place of
            its folders, or cannot be written.
    """
    plans = plan(seed, settings)
    stamp = json.dumps({"version": _VERSION, "seed": seed, "settings": asdict(settings)})
    with exclusive(root):
        for split in ("train", "test"):
            refuse_links(root / split, root)
        _clear_other_plan(root, stamp)
        missing = [p for p in plans if not (root / p.file_name).is_file()]
        if missing:
            _draw_all(missing, root)
        if missing or not (root / _ANNOTATIONS).is_file():
            annotations = [asdict(_annotation(p)) for p in plans]
            commit_text(root / _ANNOTATIONS, json.dumps(annotations, indent=1))


def discover(root: Path, lists: Path | None = None) -> Sequence[VideoItem]:
    """Return the generated videos; only those of the test split come with their events."""
    refuse_lists("synthetic", lists)
    path = root / _ANNOTATIONS
    again = "generate the synthetic data set again"
    annotations = read_json(path, list[_Annotation], remedy=again)
    if annotations is None:
        raise StoreError(f"no {path}; {again}")
    items = [_to_item(annotation, root) for annotation in annotations]
    for item in items:
        if size_of(item.path) is None:
            raise StoreError(f"{item.path} is missing; {again}")
    return items


def _annotation(video: VideoPlan) -> _Annotation:
    events = video.events if video.split == "test" else None
    return _Annotation(video.file_name, video.split, video.label, events)


def _clear_other_plan(root: Path, stamp: str) -> None:
    """Remove the videos of another plan, and write down which plan is drawn from now on."""
    path = root / _PLAN
    if path.is_file() and path.read_text() == stamp:
        return
    if not path.is_file() and (foreign := find_videos(root)):
        raise StoreError(f"{foreign[0]} is of another origin; give an empty folder")
    (root / _ANNOTATIONS).unlink(missing_ok=True)
    for folder in (root / "train", root / "test"):
        for video in find_videos(folder) if folder.is_dir() else ():
            if video.parent == folder:  # what lies deeper is not ours, nor what a link leads to
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
        # Ctrl-C goes to every process of a terminal: those that draw are to leave it to this one.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        drawings = [pool.submit(draw_video, video, root) for video in plans]
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        try:
            for drawing in drawings:
                drawing.result()
        except BaseException:
            for process in active_children():  # else the pool waits for what they are drawing
                process.terminate()
            raise


def draw_video(video: VideoPlan, root: Path) -> None:
    """Draw one video and encode it into its split's folder below ``root``."""
    cv2.setNumThreads(1)  # there is a process a core already
    view = draw_view(np.random.default_rng([video.seed, 2, video.camera]))
    generator = np.random.default_rng([video.seed, video.split == "test", video.number, 1])
    scene = Scene(view, generator, fps=video.fps, frames=video.frames)
    painters = [PAINTERS[video.label](generator, view.horizon) for _ in video.events]

    def pictures() -> Iterator[Frame]:
        for index in range(video.frames):
            incident = None
            for (start, end), paint in zip(video.events, painters, strict=True):
                if start <= index < end:
                    incident = partial(paint, seconds=(index - start) / video.fps)
            yield scene.render(index, incident)

    path, seed = root / video.file_name, video.seed + video.number
    write_video(path, pictures(), codec=video.codec, fps=video.fps, seed=seed)


def _to_item(annotation: _Annotation, root: Path) -> VideoItem:
    label, events = annotation.label, annotation.events
    return VideoItem(
        video_id=Path(annotation.file).stem,
        path=str((root / annotation.file).absolute()),
        split=annotation.split,
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
    generate=generate,
)
