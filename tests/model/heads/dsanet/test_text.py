import pytest
import torch
from torch.nn import functional

from model.heads.dsanet.text import TextAdapter, TextEncoder
from model.heads.text_tower import clip_tokens


def adapted(tower, prompts, *, width=24, blocks=2, mix=0.3):
    torch.manual_seed(3)
    return TextEncoder(tower, prompts, TextAdapter(tower.width, width, blocks, mix))


def test_without_an_adapter_features_are_clips_own(tower, text_transformer):
    texts = ["normal", "a long fight in the street", "road accident"]
    ours = TextEncoder(tower, [(text,) for text in texts], adapter=None)()
    # open_clip encodes all 77 tokens; ours stops at the longest prompt.
    theirs = text_transformer(clip_tokens(texts, 77))
    torch.testing.assert_close(ours, functional.normalize(theirs, dim=-1))


def test_features_do_not_depend_on_the_other_classes_prompts(tower):
    short = adapted(tower, [("normal",), ("fight",)])()
    long = adapted(tower, [("normal",), ("fight",), ("a very long text about a fire",)])()
    torch.testing.assert_close(short, long[:2])


def test_several_prompts_of_a_class_are_averaged_before_normalising(tower):
    both = adapted(tower, [("normal",), ("fight", "people fighting")])
    apart = adapted(tower, [("normal",), ("fight",), ("people fighting",)])
    raw = apart.adapter.project(apart.end_tokens())
    expected = functional.normalize(torch.stack([raw[0], raw[1:].mean(dim=0)]), dim=-1)
    torch.testing.assert_close(both(), expected)
    torch.testing.assert_close(both().norm(dim=-1), torch.ones(2))


def test_an_adapter_turns_a_token_and_keeps_its_norm():
    torch.manual_seed(0)
    adapter = TextAdapter(text_width=6, width=4, blocks=1, mix=1.0)
    x = torch.randn(2, 3, 6)
    torch.testing.assert_close(
        adapter.adapt(x, 0).norm(dim=-1), x.norm(dim=-1), rtol=1e-4, atol=1e-4
    )
    assert not torch.allclose(adapter.adapt(x, 0), x)
    assert torch.equal(adapter.adapt(x, 1), x)


def test_gradients_reach_every_adapter_through_the_frozen_tower(tower, prompts):
    encoder = adapted(tower, prompts)
    encoder()[:, 0].sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in encoder.adapter.parameters())
    assert all(p.grad is None and not p.requires_grad for p in tower.parameters())


def test_features_follow_the_weights(tower, prompts):
    encoder = adapted(tower, prompts)
    before = encoder()
    with torch.no_grad():
        encoder.adapter.blocks[0].weight.add_(0.5)
    assert not torch.allclose(before, encoder())


@pytest.mark.parametrize("prompts", [[], [("normal",), ()]])
def test_a_class_without_a_prompt_is_refused(tower, prompts):
    with pytest.raises(ValueError, match="at least one for each class"):
        TextEncoder(tower, prompts, adapter=None)
