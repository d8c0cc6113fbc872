"""A browser for all pages; small films whose frames say which they are, scored with events."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from model.scoring.events import label_all
from pipeline.views.clip_records import Clip
from stores.datasets.synthetic.footage import write_video
from stores.files.content import content_of
from stores.files.roots import record_root
from stores.records import EventRule, VideoItem, VideoScores
from stores.scores.schema import ScoreHeader
from stores.scores.writer import write_scores

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FILM_FRAMES = 120

ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)


def grey_of(number: int) -> int:
    return 12 + 12 * (number % 20)  # farther apart than a codec errs


@pytest.fixture(scope="session")
def film_header() -> ScoreHeader:
    return ScoreHeader(("normal", "fire", "flood"), "m" * 16, "r" * 16, EventRule())


@pytest.fixture(scope="session")
def write_films(film_header) -> Callable[[Path, Sequence[str]], Path]:
    """Write films of numbered greys and their scores, with events at frames 50 and 90 of each.

    The first is a fire with a peak of 0.9, the second a flood of 0.7. They lie in ``films/`` of the
    folder, and the scores in ``scores/``, which is returned.
    """

    def write(root: Path, names: Sequence[str]) -> Path:
        results = []
        for name in names:
            path = root / "films" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            greys = (np.full((48, 64, 3), grey_of(n), np.uint8) for n in range(FILM_FRAMES))
            write_video(path, greys, codec="h264", fps=25, seed=0)
            fire, flood = np.full((2, FILM_FRAMES), 0.05, dtype=np.float32)
            fire[50:70], flood[90:110] = 0.9, 0.7
            score = np.maximum(fire, flood)
            results.append(
                VideoScores(
                    item=VideoItem(name, str(path)),
                    times=np.arange(FILM_FRAMES) / 25,
                    score=score,
                    probabilities=np.stack([1 - score, fire, flood], axis=1),
                    content=content_of(str(path)),
                )
            )
        write_scores(root / "scores", film_header, label_all(results, film_header))
        record_root(root / "scores", root / "films")
        return root / "scores"

    return write


@pytest.fixture
def score_films(write_films, tmp_path) -> Callable[[Sequence[str]], Path]:
    """Write such films and scores into a test's own folder."""
    return lambda names: write_films(tmp_path, names)


@pytest.fixture
def some_clip() -> Clip:
    """What is known of a clip that nobody made."""
    return Clip(
        file="clips/a-2s-fire-0123456789ab.mp4",
        event="cam1/a.mp4@50",
        video="cam1/a.mp4",
        label="fire",
        peak=0.9,
        mean=0.8,
        event_start_frame=50,
        event_end_frame=70,
        event_start=2.0,
        event_end=2.8,
        first_frame=25,
        end_frame=95,
        start=1.0,
        end=3.8,
        clock_start=11.0,
        clock_end=13.8,
        method="copied",
        reason="",
        codec="h264",
        width=64,
        height=48,
        sound="",
        remark="",
        plays_in_browsers=True,
        bytes=3,
        sha256="",
        source_digest="",
    )


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, where there is one, as Playwright drives it."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield opened
        opened.close()
