from dataclasses import replace

import pytest
import torch

from model.heads.dsanet.build import build_dsanet
from model.heads.dsanet.model import disentangle


def test_scoring_gives_the_logits_of_the_full_forward(model, batch):
    features, lengths, _ = batch
    text = model.class_texts()
    full = model(features, lengths, text)
    scoring = model.branches(features, lengths, text)
    torch.testing.assert_close(scoring.score, full.score_logits)
    torch.testing.assert_close(scoring.align, full.align_logits)


def test_windows_are_independent(model, batch):
    features, lengths, _ = batch
    together = model(features, lengths, model.class_texts())
    for sample in range(len(lengths)):
        alone = model(
            features[sample : sample + 1], lengths[sample : sample + 1], model.class_texts()
        )
        torch.testing.assert_close(together.score_logits[sample], alone.score_logits[0])
        torch.testing.assert_close(together.align_logits[sample], alone.align_logits[0])


def test_every_trained_parameter_gets_a_gradient_and_clip_none(model, batch):
    features, lengths, labels = batch
    model(features, lengths, model.class_texts()).loss_terms(labels, lengths).total(
        {"align": 1.1}
    ).backward()
    without = {name for name, p in model.named_parameters() if p.grad is None}
    assert without == {f"text.tower.{name}" for name, _ in model.text.tower.named_parameters()}


def test_event_and_background_are_averages_of_opposite_segments():
    video = torch.eye(2)[None]
    event, background = disentangle(video, torch.tensor([[4.0, -4.0]]))
    assert event[0, 0] > 0.999
    assert background[0, 1] > 0.999
    for feature in (event, background):
        torch.testing.assert_close(feature.sum(), torch.tensor(1.0))


@pytest.mark.parametrize(
    ("switch", "absent"),
    [
        ("normality", {"reconstruction", "gather_loss"}),
        ("alignment", {"event_logits", "background_logits"}),
    ],
)
def test_an_ablation_leaves_out_its_branch_alone(build, config, batch, switch, absent):
    features, lengths, _ = batch
    changed = build(replace(config, **{switch: False}))
    output = changed(features, lengths, changed.class_texts())
    fields = output.__dataclass_fields__
    assert {name for name in fields if getattr(output, name) is None} == absent


def test_without_the_text_adapter_nothing_of_the_text_is_trained(build, config, tower, prompts):
    model = build(replace(config, text_adapter=False))
    assert not any(p.requires_grad for p in model.text.parameters())
    with pytest.raises(ValueError, match="width 24, expected the video's 16"):
        build_dsanet(replace(config, text_adapter=False, width=16), tower, prompts)


def test_learned_state_leaves_out_clip_and_comes_back(build, model, batch):
    features, lengths, _ = batch
    state = model.learned_state()
    assert not any("tower" in name for name in state)
    other = build()
    with torch.no_grad():
        for parameter in other.parameters():
            if parameter.requires_grad:
                parameter.mul_(0.5)
    other.load_learned_state(state)
    torch.testing.assert_close(
        other(features, lengths, other.class_texts()).align_logits,
        model(features, lengths, model.class_texts()).align_logits,
    )


@pytest.mark.parametrize("change", ["missing", "unexpected"])
def test_a_learned_state_that_does_not_fit_is_refused_by_name(model, change):
    state = model.learned_state()
    if change == "missing":
        del state["score_head.bias"]
    else:
        state["score_tail.bias"] = torch.zeros(1)
    with pytest.raises(RuntimeError, match=r"score_(head|tail)\.bias"):
        model.load_learned_state(state)


def test_saturated_logits_leave_no_nan():
    event, background = disentangle(torch.ones(1, 2, 3), torch.tensor([[200.0, 200.0]]))
    torch.testing.assert_close(event, torch.ones(1, 3))
    assert torch.equal(background, torch.zeros(1, 3))


def test_padding_is_rebuilt_where_asked_for_alone(model, batch):
    features, lengths, _ = batch
    lengths = lengths.clamp(max=20)
    text = model.class_texts()
    short = model(features, lengths, text).reconstruction
    whole = model(features, lengths, text, rebuild_padding=True).reconstruction
    torch.testing.assert_close(short[:, :20], whole[:, :20])
    assert not short[:, 20:].any()
    assert whole[:, 20:].any()
