from dataclasses import replace

import pytest
import torch

from model.heads.dsanet.build import build_dsanet, build_text_encoder
from model.heads.dsanet.losses import loss_terms
from model.heads.dsanet.model import cosine_logits, disentangle, prompted_text


def test_scoring_gives_the_logits_of_the_full_forward(model, batch):
    features, lengths, _ = batch
    full = model(features, lengths)
    with torch.inference_mode():
        model.eval()
        scoring = model.segment_logits(features, lengths, model.text())
    torch.testing.assert_close(scoring.score, full.score_logits)
    torch.testing.assert_close(scoring.align, full.align_logits)


def test_class_texts_follow_training(model, batch):
    features, lengths, _ = batch
    before = model.segment_logits(features, lengths, model.text()).align
    with torch.no_grad():
        model.text.adapter.projection.weight.neg_()
    assert not torch.allclose(before, model.segment_logits(features, lengths, model.text()).align)


def test_windows_are_independent(model, batch):
    features, lengths, _ = batch
    together = model(features, lengths)
    for sample in range(len(lengths)):
        alone = model(features[sample : sample + 1], lengths[sample : sample + 1])
        torch.testing.assert_close(together.score_logits[sample], alone.score_logits[0])
        torch.testing.assert_close(together.align_logits[sample], alone.align_logits[0])


def test_every_trained_parameter_gets_a_gradient_and_clip_none(model, batch):
    features, lengths, labels = batch
    loss_terms(model(features, lengths), labels, lengths).total(align_weight=1.1).backward()
    without = {name for name, p in model.named_parameters() if p.grad is None}
    assert without == {f"text.tower.{name}" for name, _ in model.text.tower.named_parameters()}


def test_padding_and_raw_logits_weigh_the_video_in_the_texts():
    video = torch.tensor([[[1.0, 0], [0, 1], [0, 1]]])
    text = torch.zeros(2, 2)
    moved = prompted_text(video, torch.tensor([[3.0, -2, -2]]), text)
    torch.testing.assert_close(moved[0, 0], torch.tensor([0.6, -0.8]))


def test_event_and_background_are_averages_of_opposite_segments():
    video = torch.eye(2)[None]
    event, background = disentangle(video, torch.tensor([[4.0, -4.0]]))
    assert event[0, 0] > 0.999
    assert background[0, 1] > 0.999
    for feature in (event, background):
        torch.testing.assert_close(feature.sum(), torch.tensor(1.0))


def test_saturated_logits_leave_no_nan():
    event, background = disentangle(torch.ones(1, 2, 3), torch.tensor([[200.0, 200.0]]))
    torch.testing.assert_close(event, torch.ones(1, 3))
    assert torch.equal(background, torch.zeros(1, 3))
    assert torch.equal(cosine_logits(background, torch.eye(3)), torch.zeros(1, 3))


@pytest.mark.parametrize(
    ("switch", "absent"),
    [
        ("normality", {"reconstruction", "gather_loss"}),
        ("alignment", {"event_logits", "background_logits"}),
    ],
)
def test_an_ablation_leaves_out_its_branch_alone(build, config, batch, switch, absent):
    features, lengths, _ = batch
    output = build(replace(config, **{switch: False}))(features, lengths)
    fields = output.__dataclass_fields__
    assert {name for name in fields if getattr(output, name) is None} == absent


def test_without_the_text_adapter_nothing_of_the_text_is_trained(build, config, tower, prompts):
    model = build(replace(config, text_adapter=False))
    assert not any(p.requires_grad for p in model.text.parameters())
    with pytest.raises(ValueError, match="width 24, expected the video's 16"):
        build_text_encoder(replace(config, text_adapter=False, width=16), tower, prompts)


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
        other(features, lengths).align_logits, model(features, lengths).align_logits
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


def test_a_model_without_a_text_branch_scores_with_given_texts(model, config, batch):
    features, lengths, _ = batch
    bare = build_dsanet(config, text=None)
    bare.load_learned_state(
        {k: v for k, v in model.learned_state().items() if not k.startswith("text.")}
    )
    text = model.text()
    torch.testing.assert_close(
        bare.segment_logits(features, lengths, text).align,
        model.segment_logits(features, lengths, text).align,
    )
    with pytest.raises(ValueError, match="no text branch"):
        bare.text()


def test_prompts_for_another_number_of_classes_are_refused(config, tower, prompts):
    with pytest.raises(ValueError, match="prompts of 2 classes, expected 3"):
        build_text_encoder(config, tower, prompts[:2])


def test_the_same_seed_builds_the_same_model(build):
    one, other = build().learned_state(), build().learned_state()
    assert all(torch.equal(one[name], other[name]) for name in one)
