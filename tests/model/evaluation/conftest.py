"""Reference figures of newer metrics: six made-up cases, computed elsewhere."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from model.evaluation.metrics import frame_truth
from stores.records import Event

GOLDEN = Path(__file__).resolve().parents[3].parent / "shared" / "golden" / "metrics_newer.json"


class Case(NamedTuple):
    """Truth and score of every frame of each video, and the figures they have to give."""

    truths: list
    scores: list
    figures: dict

    @property
    def pooled(self):
        return np.concatenate(self.truths), np.concatenate(self.scores)


@pytest.fixture(params=["mixed", "ties", "short", "ragged", "hard", "saturated"])
def golden_case(request) -> Case:
    if not GOLDEN.is_file():
        pytest.skip(f"reference figures are not at {GOLDEN}")
    cases = {case["name"]: case for case in json.loads(GOLDEN.read_text())["cases"]}
    case = cases[request.param]
    scores = [np.repeat(video["scores"], 16) for video in case["videos"]]
    truths = [
        frame_truth([Event(*pair, "") for pair in video["events"]], len(score))
        for video, score in zip(case["videos"], scores, strict=True)
    ]
    return Case(truths, scores, case["figures"])
