import json

import numpy as np
import pytest

from model.checkpoint import load_checkpoint
from pipeline.commands.train import TrainRun
from pipeline.stages.compare import FINE, compare, parse_heads
from stores.records import StoreError

HEADS = ("dsanet", "vadclip")


@pytest.fixture(scope="module")
def compared(learnable, tmp_path_factory):
    """Two heads of two seeds each, on features that are easy to learn; and what they came from."""
    out = tmp_path_factory.mktemp("compared")
    features = out / "synthetic" / "features"
    features.mkdir(parents=True)
    for shard in (learnable / "synthetic" / "features").glob("shard-*.h5"):
        (features / shard.name).hardlink_to(shard)
    run = TrainRun(out=out, epochs=4)
    return run, compare(run, ("dsanet", "vadclip"), (1, 2))


@pytest.mark.ray
@pytest.mark.slow
def test_every_head_and_seed_is_trained_once_and_tabled(compared):
    run, report = compared
    assert (report.trained, report.already, report.failures) == (4, 0, {})
    assert report.seeds == {"dsanet": 2, "vadclip": 2, "zero-shot CLIP": 0}
    assert report.folder == run.out / "synthetic" / "comparison"
    heads = [load_checkpoint(report.folder / f"{name}-seed1").head for name in HEADS]
    assert heads == ["dsanet", "vadclip"]
    assert (report.folder / "comparison.md").read_text() == report.tables()
    again = compare(run, ("dsanet", "vadclip"), (1, 2))
    assert (again.trained, again.already) == (0, 4)
    assert again.estimates == report.estimates


@pytest.mark.ray
@pytest.mark.slow
def test_figures_are_those_of_the_trainings_and_differences_are_paired(compared):
    _, report = compared
    content = json.loads((report.folder / "comparison.json").read_text())
    by_name = {(e.figure, e.of, e.less): e for e in report.estimates}
    assert len(by_name) == len(report.estimates) == 5 * (2 + len(FINE))
    for name in ("dsanet", "vadclip"):
        own = [content["heads"][name]["seeds"][seed] for seed in ("1", "2")]
        for figure, key in {"frame AUC": "auc", "fine AP": "ap_fine"}.items():
            estimate = by_name[figure, name, ""]
            assert estimate.value == pytest.approx(np.mean([each[key] for each in own]))
            assert estimate.interval.low <= estimate.value <= estimate.interval.high
    one, two = by_name["frame AP", "dsanet", ""], by_name["frame AP", "vadclip", ""]
    less = by_name["frame AP", "vadclip", "dsanet"]
    assert less.value == pytest.approx(two.value - one.value)
    assert less.interval.low <= less.value <= less.interval.high


@pytest.mark.ray
@pytest.mark.slow
def test_zero_shot_clip_is_a_row_without_seeds(compared):
    _, report = compared
    row = next(line for line in report.tables().splitlines() if "zero-shot CLIP" in line)
    assert row.endswith("| - |")
    found = {e.figure: e.value for e in report.estimates if e.of == "zero-shot CLIP" and e.less}
    assert found.keys() == {"frame AUC", "frame AP", "fine AUC", "fine AP"}
    assert found["frame AUC"] < -0.2  # the demo's texts mean nothing
    assert "texts mean nothing" in report.note


@pytest.mark.ray
@pytest.mark.long
def test_a_head_that_fails_is_named_and_has_no_figures(compared, linked):
    report = compare(TrainRun(out=linked, epochs=1, batch=500), ("dsanet", "vadclip"), (1,))
    assert report.failures.keys() == {"dsanet, seed 1", "vadclip, seed 1"}
    assert {each.of for each in report.estimates} == {"zero-shot CLIP"}
    assert report.tables().count("failed") == 10


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dsanet", "got heads 'dsanet', expected different ones"),
        ("vadclip,vadclip", "expected different ones as in dsanet,vadclip"),
        ("dsanet,clip", "unknown head 'clip'; there are dsanet, vadclip"),
        ("", "unknown head ''"),
    ],
)
def test_lists_that_are_none_are_refused(text, said):
    with pytest.raises(ValueError, match=said):
        parse_heads(text)
    assert parse_heads(" vadclip, dsanet") == ("vadclip", "dsanet")


def test_features_are_needed(tmp_path):
    with pytest.raises(StoreError, match="no features below"):
        compare(TrainRun(out=tmp_path), ("dsanet", "vadclip"), (1,))
