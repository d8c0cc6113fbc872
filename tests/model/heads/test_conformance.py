"""What every head has to be: tested by the interface alone, for each folder of heads."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.heads import base
from model.heads.base import Schedule
from model.heads.segment_scorer import Temperatures
from model.scoring.temperature import change_temperature
from stores.datasets import base as datasets
from stores.records import VideoItem, VideoScores

PROMPTS = (("normal",), ("fighting", "a fight in the street"), ("road accident",))
WIDTH = 24


@pytest.fixture(params=base.names())
def kind(request):
    return base.load(request.param)


@pytest.fixture
def config(kind):
    """The head's smallest preset, for features that are narrow."""
    config, _ = kind.configure(kind.presets[-1], width=WIDTH, classes=3, published=False)
    return replace(config, window=32)


@pytest.fixture
def head(kind, config, tower):
    torch.manual_seed(1)
    return kind.build(config, tower, PROMPTS)


@pytest.fixture
def long_head(kind, config, tower):
    """A head whose windows have room for padding that nothing reaches."""
    torch.manual_seed(1)
    return kind.build(replace(config, window=96), tower, PROMPTS).eval()


@pytest.fixture
def other(kind, config, tower):
    torch.manual_seed(2)
    return kind.build(config, tower, PROMPTS)


def test_a_head_is_found_by_its_folder_and_a_wrong_name_lists_them(kind):
    assert base.load(kind.name) is kind
    with pytest.raises(ValueError, match=f"unknown head 'none'; there are .*{kind.name}"):
        base.load("none")


def test_presets_configure_shape_and_training(kind):
    for preset in kind.presets:
        config, training = kind.configure(preset, width=WIDTH, classes=3)
        assert isinstance(config, kind.config)
        assert (config.width, config.classes) == (WIDTH, 3)
        assert training.epochs > 0
        assert asdict(config) == asdict(replace(config))
    with pytest.raises(ValueError, match="unknown preset"):
        kind.configure("none")
    with pytest.raises(ValueError, match="no part nothing"):
        kind.configure(kind.presets[0], left_out=frozenset({"nothing"}))


def test_every_labelled_data_set_finds_its_preset(kind):
    presets = {dataset.preset for dataset in map(datasets.load, datasets.names())} - {""}
    assert presets <= set(kind.presets)


def test_every_part_can_be_left_out(kind, tower):
    for part in kind.parts:
        width = tower.output_width
        config, _ = kind.configure(
            kind.presets[-1], width=width, classes=3, left_out=frozenset({part})
        )
        less = kind.build(config, tower, PROMPTS).learned_state()
        whole, _ = kind.configure(kind.presets[-1], width=width, classes=3)
        assert less.keys() <= kind.build(whole, tower, PROMPTS).learned_state().keys()


def test_class_texts_and_segment_scores_have_their_shapes(head, batch):
    features, lengths, _ = batch
    assert head.class_texts().shape == (3, WIDTH)
    found = head.scorer(Temperatures(1.0))(features, lengths)
    assert found.score.shape == (4, 32)
    assert found.probabilities.shape == (4, 32, 3)
    assert ((found.score >= 0) & (found.score <= 1)).all()
    torch.testing.assert_close(found.probabilities.sum(dim=-1), torch.ones(4, 32))


@torch.inference_mode()
@pytest.mark.parametrize(("before", "now"), [(None, 2.5), (2.5, None), (0.6, 4.0)])
def test_scores_of_another_temperature_are_made_of_stored_ones(kind, head, batch, before, now):
    features, lengths, _ = batch
    theirs, ours = Temperatures(2.0, before), Temperatures(2.0, now)
    found, expected = (
        VideoScores(
            item=VideoItem("a", ""),
            times=np.arange(found.score.numel()) / 25,
            score=found.score.flatten().numpy(),
            probabilities=found.probabilities.flatten(0, 1).numpy(),
        )
        for found in (head.scorer(each)(features, lengths) for each in (theirs, ours))
    )
    changed = change_temperature(found, theirs, ours, kind.redistribute)
    np.testing.assert_allclose(changed.score, expected.score, atol=2e-5)
    np.testing.assert_allclose(changed.probabilities, expected.probabilities, atol=2e-5)


def test_windows_are_scored_alone_as_together(head, batch):
    features, lengths, _ = batch
    scorer = head.scorer(Temperatures(1.0))
    together = scorer(features, lengths)
    for sample in range(4):
        alone = scorer(features[sample : sample + 1], lengths[sample : sample + 1])
        torch.testing.assert_close(together.score[sample], alone.score[0])


@given(st.lists(st.integers(1, 96), min_size=1, max_size=5), st.integers(0, 9))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_a_frozen_scorer_scores_segments_of_any_windows_alike(long_head, lengths, seed):
    torch.manual_seed(seed)
    counts = torch.tensor(lengths)
    features = (
        torch.randn(len(lengths), 96, WIDTH) * (torch.arange(96) < counts[:, None])[..., None]
    )
    scorer = long_head.scorer(Temperatures(1.0))
    with torch.inference_mode():
        expected, found = scorer(features, counts), scorer.frozen()(features, counts)
    for window, length in enumerate(lengths):
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(
                ours[window, :length], theirs[window, :length], atol=1e-5, rtol=0
            )


def test_losses_are_named_scalars_that_train_what_is_learned(head, batch):
    features, lengths, labels = batch
    terms = head(features, lengths, head.class_texts()).loss_terms(labels, lengths)
    assert all(term.ndim == 0 and term.isfinite() for term in terms.values.values())
    assert head.loss_weights.keys() <= terms.values.keys()
    assert terms.over_segments <= terms.values.keys()
    terms.total(head.loss_weights).backward()
    learned = sum(p.numel() for p in head.parameters() if p.requires_grad)
    assert learned == sum(tensor.numel() for tensor in head.learned_state().values())
    assert all(p.grad is None for p in head.parameters() if not p.requires_grad)


def test_optimisers_hold_what_is_learned_once_and_steps_lower_the_loss(head, batch):
    features, lengths, labels = batch
    optimisers = head.optimisers(Schedule(learning_rate=1e-3, epochs=4, epoch_steps=10))
    assert len({each.name for each in optimisers}) == len(optimisers)
    held = [p for each in optimisers for g in each.optimiser.param_groups for p in g["params"]]
    assert {id(p) for p in held} == {id(p) for p in head.parameters() if p.requires_grad}
    assert len(held) == len({id(p) for p in held})
    totals = []
    for step in range(15):
        head.zero_grad()
        terms = head(features, lengths, head.class_texts()).loss_terms(labels, lengths)
        total = terms.total(head.loss_weights)
        total.backward()
        rates = [each.step(0, step) for each in optimisers]
        assert all(0 <= rate <= 1e-3 for rate in rates)
        totals.append(total.item())
    assert totals[-1] < totals[0]


def test_what_is_learned_goes_from_head_to_head_and_leaves_clip_out(head, other, batch):
    features, lengths, _ = batch
    state = head.learned_state()
    assert not any("tower" in name for name in state)
    other.load_learned_state(state)
    one, two = (each.scorer(Temperatures(1.0))(features, lengths) for each in (head, other))
    assert torch.equal(one.score, two.score)
    assert torch.equal(one.probabilities, two.probabilities)
    with pytest.raises(RuntimeError, match="extra"):
        other.load_learned_state(state | {"extra": torch.zeros(1)})


def test_branches_alone_take_the_same_names_and_score_the_same(kind, config, head, batch):
    features, lengths, _ = batch
    branches = kind.build_branches(config)
    state = head.learned_state()
    branches.load_state_dict({name: state[name] for name in branches.state_dict()})
    text = head.class_texts()
    one, two = head.branches(features, lengths, text), branches(features, lengths, text)
    assert torch.equal(one.score, two.score)
    assert torch.equal(one.align, two.align)


def test_foreign_weights_are_refused_by_name(kind, config, head, tower):
    with pytest.raises(ValueError, match="missing"):
        kind.import_weights({"linear.weight": torch.zeros(1)}, config, head, tower)
