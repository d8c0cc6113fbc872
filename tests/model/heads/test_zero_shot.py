import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from model.heads import base
from model.heads.segment_scorer import SegmentScorer, Temperatures
from model.heads.zero_shot import KIND, TEMPLATES, ZeroShotConfig, class_features
from model.scoring.temperature import change_temperature
from stores.records import VideoItem, VideoScores

CONFIG = ZeroShotConfig(width=24, classes=3, scale=20.0, reach=2, window=32)


def scorer(text, config=CONFIG, calibrated=None):
    temperatures = Temperatures(1.0, calibrated)
    return SegmentScorer(KIND.build_branches(config), text, KIND.distribution, temperatures)


@pytest.fixture
def text(tower, prompts):
    return class_features(tower, prompts)


def test_scores_are_those_of_brute_force(text, batch):
    features, lengths, _ = batch
    found = scorer(text)(features, lengths)
    for window, length, score, probabilities in zip(features, lengths, *found, strict=True):
        own = window[:length].double().numpy()
        cosines = own / np.linalg.norm(own, axis=1, keepdims=True) @ text.double().numpy().T
        for place in range(length):
            logits = 20 * cosines[max(place - 2, 0) : place + 3].mean(axis=0)
            expected = np.exp(logits) / np.exp(logits).sum()
            np.testing.assert_allclose(probabilities[place], expected, atol=1e-5)
            assert float(score[place]) == pytest.approx(1 - expected[0], abs=1e-5)


def test_without_reach_each_segment_stands_alone_and_padding_is_finite(text, batch):
    features, lengths, _ = batch
    alone = scorer(text, ZeroShotConfig(24, 3, scale=20.0, reach=0, window=32))
    found = alone(features, lengths)
    torch.testing.assert_close(
        alone(features[:, :1], torch.ones(4, dtype=torch.int64)).score, found.score[:, :1]
    )
    assert found.score.isfinite().all()
    assert found.probabilities.isfinite().all()


def test_an_ensemble_is_the_mean_direction_of_all_sentences(tower):
    found = class_features(tower, [["fire", "smoke"], ["a street"]], TEMPLATES)
    sentences = [
        template.replace("{}", text) for text in ("fire", "smoke") for template in TEMPLATES
    ]
    rows = normalize(torch.cat([tower.features([each]) for each in sentences]), dim=-1)
    torch.testing.assert_close(found[0], normalize(rows.mean(dim=0), dim=-1))
    torch.testing.assert_close(found.norm(dim=-1), torch.ones(2))
    plain = class_features(tower, [["fire"]])
    torch.testing.assert_close(plain, normalize(tower.features(["fire"]), dim=-1))


@pytest.mark.parametrize("now", [0.5, 3.0])
def test_another_temperature_is_made_of_stored_scores(text, batch, now):
    features, lengths, _ = batch
    before = scorer(text)(features, lengths)
    expected = scorer(text, calibrated=now)(features, lengths)
    stored = VideoScores(
        VideoItem("a", ""),
        np.arange(32.0),
        before.score[0].numpy(),
        before.probabilities[0].numpy(),
    )
    ours = Temperatures(1.0, now)
    changed = change_temperature(stored, Temperatures(1.0), ours, KIND.redistribute)
    np.testing.assert_allclose(changed.score, expected.score[0], atol=1e-4)
    np.testing.assert_allclose(changed.probabilities, expected.probabilities[0], atol=1e-4)


def test_it_scores_and_is_no_head_to_train():
    assert base.load_scoring("zero_shot") is KIND
    assert "zero_shot" not in base.names()
    with pytest.raises(ValueError, match="unknown head 'zero_shot'"):
        base.load("zero_shot")
    with pytest.raises(ValueError, match="unknown head 'other'"):
        base.load_scoring("other")
