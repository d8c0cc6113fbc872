"""Small films whose frames say which they are, and scores of them with events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from model.scoring.events import label_all
from stores.datasets.synthetic.footage import write_video
from stores.files.content import content_of
from stores.files.roots import record_root
from stores.records import EventRule, VideoItem, VideoScores
from stores.scores.schema import ScoreHeader
from stores.scores.writer import write_scores

FILM_FRAMES = 120


def grey_of(number: int) -> int:
    return 12 + 12 * (number % 20)  # farther apart than a codec errs


@pytest.fixture
def film_header() -> ScoreHeader:
    return ScoreHeader(("normal", "fire", "flood"), "m" * 16, "r" * 16, EventRule())


@pytest.fixture
def score_films(tmp_path, film_header) -> Callable[..., Path]:
    """Write films of numbered greys and their scores, with events at frames 50 and 90 of each.

    The first is a fire with a peak of 0.9, the second a flood of 0.7.
    """

    def make(names: Sequence[str], *, codec="h264") -> Path:
        results = []
        for name in names:
            path = tmp_path / "films" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            greys = (np.full((48, 64, 3), grey_of(n), np.uint8) for n in range(FILM_FRAMES))
            write_video(path, greys, codec=codec, fps=25, seed=0)
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
        folder = tmp_path / "scores"
        write_scores(folder, film_header, label_all(results, film_header))
        record_root(folder, tmp_path / "films")
        return folder

    return make
