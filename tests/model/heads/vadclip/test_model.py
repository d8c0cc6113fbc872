from dataclasses import replace

import torch

from model.heads.segment_scorer import Temperatures


def test_fine_and_coarse_scores_rank_segments_in_ways_of_their_own(model, batch):
    features, lengths, _ = batch
    found = model.scorer(Temperatures(1.0))(features, lengths)
    fine = 1 - found.probabilities[..., 0]
    assert not torch.equal(fine.flatten().argsort(), found.score.flatten().argsort())


def test_class_texts_keep_their_length(model):
    norms = model.class_texts().norm(dim=-1)
    assert (norms - 1).abs().min() > 1e-3


def test_an_ablation_leaves_out_its_part_alone(build, config, batch):
    features, lengths, _ = batch
    plain = build(replace(config, learned_prompts=False))
    assert "text.prompts.rows" not in plain.learned_state()
    assert not plain.class_texts().requires_grad
    still = build(replace(config, visual_prompt=False))
    assert still.learned_state().keys() == build().learned_state().keys()
    text = still.class_texts()
    moved = build().branches(features, lengths, text).align
    assert not torch.allclose(still.branches(features, lengths, text).align, moved)


def test_the_configuration_says_by_which_score_weights_are_chosen(build, config):
    assert not build().selects_by_fine
    assert build(replace(config, fine_selection=True)).selects_by_fine
