"""Real videos, really scored in this process, with the names and gaps that real folders have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from extract.clip_weights import complete_recipe
from extract.encoder import load_encoder
from extract.features import extract_video
from extract.recipe import RECIPES, RecipeOptions
from extract.video import read_chunks
from model.checkpoint import build_scorer, load_checkpoint
from model.scoring.events import find_runs, label_all
from model.scoring.scorer import score_features
from pipeline.commands.report import ReportRun
from pipeline.commands.score import ScoreRun
from pipeline.commands.train import TrainRun
from pipeline.outputs import write_settings
from pipeline.stages.train import train
from pipeline.views.report.build import write_report
from pipeline.views.report.videos import key_of
from stores.datasets import base
from stores.features.manifest import write_manifest
from stores.features.shard_index import ShardRecipe
from stores.features.shards import write_shard
from stores.files.roots import record_root
from stores.records import EventRule, Failure, ScoredEvent, VideoItem, VideoScores
from stores.scores.reader import read_events
from stores.scores.schema import ScoreHeader
from stores.scores.writer import write_scores

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOSTILE = "<b>&'\"#1 50%25 – Ä?.mp4"
"""A name that ends tags, strings, queries and escapes where it is not escaped itself."""

GONE = "moved away.mp4"


@pytest.fixture(scope="session")
def scored(footage, tmp_path_factory) -> Path:
    """A folder of scores: six test videos, one of them under a hostile name as well, one that is
    no longer there, and one that failed; the features with the truth lie below the same outputs.
    """
    out = tmp_path_factory.mktemp("reported")
    dataset = base.load("synthetic")
    items = list(dataset.discover(footage))
    recipe, source = complete_recipe(RECIPES[dataset.recipe], RecipeOptions())
    encoder = load_encoder(recipe, source, "cpu")
    features = [
        extract_video(item, read_chunks(item.path, recipe), encoder, recipe, batch=64)
        for item in items
    ]
    folder = out / "synthetic" / "features"
    write_shard(folder, ShardRecipe(recipe.to_json(), recipe.fingerprint), features)
    write_manifest(folder, items)
    checkpoint = train(TrainRun(out=out, epochs=1, preset="small", batch=2)).folder
    loaded = load_checkpoint(checkpoint)
    scorer = build_scorer(loaded, torch.device("cpu"))
    videos = [video for video in features if video.item.split == "test"]
    tests = list(score_features(scorer, videos, dataset.test_crop))
    results = [named(each, Path(each.item.path).name, each.item.path) for each in tests]
    (out / HOSTILE).hardlink_to(results[0].item.path)
    results.append(named(results[0], HOSTILE, str(out / HOSTILE)))
    results.append(named(results[1], GONE, str(out / GONE)))
    header = ScoreHeader(
        classes=loaded.provenance.classes,
        model_fingerprint=loaded.fingerprint,
        recipe_fingerprint=recipe.fingerprint,
        rule=telling_rule(tests),
        features="demo",
    )
    scores = out / "scores" / "cameras"
    failure = Failure(VideoItem("broken.mp4", str(out / "broken.mp4")), "no <video> stream")
    write_scores(scores, header, label_all(results, header), [failure])
    write_settings(scores, "score", ScoreRun(footage / "test", checkpoint, out=scores))
    for root in (footage / "test", out):
        record_root(scores, root)
    return scores


@pytest.fixture(scope="session")
def hostile() -> str:
    return HOSTILE


@pytest.fixture(scope="session")
def gone() -> str:
    return GONE


def telling_rule(scored: list[VideoScores]) -> EventRule:
    """The rule with most events inside videos: a barely trained model's scores lie anywhere."""
    every = np.concatenate([scores.score for scores in scored])
    rules = [
        EventRule(threshold=round(float(np.quantile(every, share)), 3), release=0.98)
        for share in np.linspace(0.3, 0.95, 14)
    ]
    runs = {rule: [find_runs(each.score, rule) for each in scored] for rule in rules}
    return max(rules, key=lambda rule: sum(start > 0 for found in runs[rule] for start, _ in found))


def named(result: VideoScores, name: str, path: str) -> VideoScores:
    return replace(result, item=VideoItem(name, path))


@pytest.fixture(scope="session")
def make_scores() -> Callable[..., VideoScores]:
    """Build the scores of a made-up video: 0.1, and ``peak`` in frames 40 to 60."""

    def make(video_id="a.mp4", frames=200, peak=0.9, times=None) -> VideoScores:
        score = np.full(frames, 0.1, dtype=np.float32)
        score[40:60] = peak
        return VideoScores(
            item=VideoItem(video_id, f"/nowhere/{video_id}"),
            times=np.arange(frames) / 25 if times is None else times,
            score=score,
            probabilities=np.stack([1 - score, score * 0.75, score * 0.25], axis=1),
        )

    return make


@pytest.fixture(scope="session")
def header() -> ScoreHeader:
    return ScoreHeader(("normal", "fire", "fight"), "m" * 16, "r" * 16, EventRule())


@pytest.fixture(scope="session")
def report(scored) -> Path:
    return write_report(ReportRun(scores=scored, proxies=True)).page.parent


@pytest.fixture
def page(browser) -> Iterator[Page]:
    """A page that is to load nothing but files and to report no error."""
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: foreign(request.url, complaints))
    yield page
    context.close()
    assert complaints == []


def foreign(url: str, complaints: list[str]) -> None:
    if not url.startswith(("file:", "data:")):
        complaints.append(f"asked for {url}")


@pytest.fixture
def open_index(page, report) -> Callable[[], None]:
    def go() -> None:
        page.goto((report / "videos.html").as_uri())

    return go


@pytest.fixture
def open_video(page) -> Callable[[Path, str], None]:
    def go(report: Path, name: str) -> None:
        page.goto(f"{(report / 'video.html').as_uri()}#{key_of(name)}")
        page.wait_for_selector("body[data-ready]")

    return go


@pytest.fixture(scope="session")
def telling(scored) -> tuple[str, list[ScoredEvent]]:
    """A video with an event after its start, and its events in order of time."""
    events = [(n, event) for n, event in read_events(scored) if n not in (HOSTILE, GONE)]
    name = next(name for name, event in events if event.start_time > 0.1)
    return name, sorted((e for n, e in events if n == name), key=lambda event: event.start)
