import torch

from model.heads.segment_scorer import Temperatures


def test_scores_are_probabilities_by_the_heads_own_distribution(model, batch):
    features, lengths, _ = batch
    scorer = model.scorer(Temperatures(2.0)).eval()
    found = scorer(features, lengths)
    logits = model.branches(features, lengths, model.class_texts())
    torch.testing.assert_close(found.score, logits.score.sigmoid())
    torch.testing.assert_close(found.probabilities.sum(dim=-1), torch.ones(4, 32))
    assert (scorer.window, scorer.device.type) == (32, "cpu")


def test_a_calibrated_score_is_the_probability_of_an_anomaly(model, batch):
    features, lengths, _ = batch
    found = model.scorer(Temperatures(2.0, score=3.0))(features, lengths)
    torch.testing.assert_close(found.score, 1 - found.probabilities[..., 0])


def test_it_follows_the_weights_it_shares_and_texts_once_they_are_set(model, batch):
    features, lengths, _ = batch
    scorer = model.scorer(Temperatures(1.0))
    before = scorer(features, lengths)
    with torch.no_grad():
        model.branches.score_head.bias.add_(1.0)
        model.text.adapter.projection.weight.neg_()
    moved = scorer(features, lengths)
    assert (moved.score > before.score).all()
    scorer.set_text(model.class_texts())
    expected = model.scorer(Temperatures(1.0))(features, lengths)
    torch.testing.assert_close(scorer(features, lengths).probabilities, expected.probabilities)
    assert not torch.allclose(moved.probabilities, expected.probabilities)


def test_it_is_a_module_with_the_texts_as_a_buffer(model, batch):
    scorer = model.scorer(Temperatures(1.0))
    state = scorer.state_dict()
    assert torch.equal(state["text"], model.class_texts())
    other = model.scorer(Temperatures(1.0))
    other.load_state_dict(state)
    exported = torch.export.export(scorer.eval(), batch[:2], strict=False)
    found = exported.module()(*batch[:2])
    torch.testing.assert_close(found.score, scorer(*batch[:2]).score)
