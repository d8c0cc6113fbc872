from dataclasses import replace

import pytest
import torch

from model.heads.dsanet.build import build_dsanet
from model.heads.dsanet.config import PRESETS, DsanetConfig
from model.training.data import TrainingSet
from model.training.fit import STATE, FitOptions, fit
from model.training.selection import Selection
from stores.records import StoreError

SETTINGS = replace(PRESETS["small"][1], epochs=3, batch=2, evaluate_every=8)
CONFIG = DsanetConfig(
    width=16,
    classes=2,
    temporal_layers=1,
    attention_window=8,
    adapted_blocks=1,
    adapter_mix=0.1,
    window=16,
    prototypes=4,
    decoder_depth=1,
)


@pytest.fixture
def make_model(tower):
    def make():
        torch.manual_seed(3)
        return build_dsanet(CONFIG, tower, (("normal",), ("fire",)))

    return make


@pytest.fixture
def samples():
    generator = torch.Generator().manual_seed(0)
    return TrainingSet(
        features=torch.randn(12, 16, 16, generator=generator).half(),
        lengths=torch.full((12,), 16),
        labels=torch.eye(2)[torch.arange(12) % 2],
    )


def silent(step, selection):
    pass


def test_the_best_weights_are_kept_and_asked_for_as_often_as_said(make_model, samples):
    model, seen = make_model(), []

    def evaluate(head):
        seen.append({k: v.clone() for k, v in head.learned_state().items()})
        return Selection(1.0 if len(seen) == 2 else 0.5)

    training = fit(model, samples, SETTINGS, evaluate, FitOptions(), silent)
    assert training.step == 9  # three epochs of min(6, 6) // 2 batches
    assert len(seen) == 6  # after 8 of 12 samples, and at the end of each epoch
    assert training.best == Selection(1.0)
    for name, tensor in model.learned_state().items():
        assert torch.equal(tensor, seen[1][name])


def test_the_papers_reload_goes_back_after_each_epoch(make_model, samples):
    starts, model = [], make_model()

    def evaluate(head):
        return Selection(-float(len(starts)))  # the first evaluation stays the best

    def report(step, selection):
        if step.step % 3 == 2:
            starts.append(step.step)

    settings = replace(SETTINGS, learning_rate=0.1)
    reloaded = fit(make_model(), samples, settings, evaluate, FitOptions(reload_best=True), report)
    starts.clear()
    plain = fit(model, samples, settings, evaluate, FitOptions(), report)
    assert reloaded.best == plain.best == Selection(0.0)
    kept = reloaded.head.learned_state()
    assert all(torch.equal(kept[name], tensor) for name, tensor in reloaded.best_state.items())


def test_a_stopped_training_goes_on_bit_for_bit(make_model, samples, tmp_path):
    def evaluate(head):
        return Selection(float(head.branches.score_head.bias.detach()))

    whole = fit(make_model(), samples, SETTINGS, evaluate, FitOptions(), silent)

    class Stop(Exception):
        pass

    def stop_in_the_second_epoch(step, selection):
        if step.step == 4:
            raise Stop

    options = FitOptions(state_folder=tmp_path, key="k")
    with pytest.raises(Stop):
        fit(make_model(), samples, SETTINGS, evaluate, options, stop_in_the_second_epoch)
    torch.manual_seed(99)  # the state brings its own
    resumed = fit(make_model(), samples, SETTINGS, evaluate, options, silent)
    assert resumed.best == whole.best
    for name, tensor in whole.head.learned_state().items():
        assert torch.equal(tensor, resumed.head.learned_state()[name]), name


def test_a_state_of_another_run_is_not_taken_up_and_a_damaged_one_named(
    make_model, samples, tmp_path
):
    def evaluate(head):
        return Selection(0.5)

    fit(
        make_model(),
        samples,
        SETTINGS,
        evaluate,
        FitOptions(state_folder=tmp_path, key="a"),
        silent,
    )
    other = FitOptions(state_folder=tmp_path, key="b")
    assert fit(make_model(), samples, SETTINGS, evaluate, other, silent).step == 9
    (tmp_path / STATE).write_bytes(b"cut")
    with pytest.raises(StoreError, match=f"damaged training state .*{STATE}"):
        fit(make_model(), samples, SETTINGS, evaluate, other, silent)


def test_a_diverged_loss_is_an_error_and_not_a_checkpoint(make_model, samples):
    with pytest.raises(ValueError, match="training diverged before step"):
        fit(
            make_model(),
            samples,
            replace(SETTINGS, learning_rate=1e30),
            lambda head: Selection(0.5),
            FitOptions(),
            silent,
        )
