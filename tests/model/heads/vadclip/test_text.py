import pytest
import torch

from model.heads.text_tower import TextTower, clip_tokens
from model.heads.vadclip.text import LEARNED, LearnedPrompts, PromptedTextEncoder, lay_out

START, END = 49406, 49407


def encoder(tower, prompts, around=(3, 2)):
    torch.manual_seed(3)
    return PromptedTextEncoder(tower, prompts, around)


def test_words_stand_between_learned_tokens_and_each_is_taken_by_its_position():
    tokens = torch.tensor([[START, 7, END, 0], [START, 7, 8, END]])
    layout = lay_out(tokens, torch.tensor([2, 3]), before=2, after=1, length=8)
    assert layout.tolist() == [
        [START, LEARNED, LEARNED, 7, LEARNED, END, LEARNED, LEARNED],
        [START, LEARNED, LEARNED, 7, 8, LEARNED, END, LEARNED],
    ]
    prompts = LearnedPrompts(context=10, text_width=4)
    embedded = torch.arange(64.0).view(2, 8, 4)
    filled = prompts(embedded, layout)
    assert torch.equal(filled[:, 3], embedded[:, 3])
    assert torch.equal(filled[0, 4], prompts.rows[4])
    assert torch.equal(filled[1, 4], embedded[1, 4])
    assert torch.equal(filled[1, 5], prompts.rows[5])


def test_features_do_not_depend_on_the_other_classes_prompts(tower):
    short = encoder(tower, [("normal",), ("fight",)])
    long = encoder(tower, [("normal",), ("fight",), ("a very long text about a fire",)])
    long.prompts.load_state_dict(short.prompts.state_dict())
    torch.testing.assert_close(short(), long()[:2])


def test_encoding_stops_at_the_longest_end_and_gives_what_all_positions_give(tower):
    texts = ["normal", "road accident"]
    ours = encoder(tower, [(text,) for text in texts])
    tokens = clip_tokens(texts, tower.context)
    whole = lay_out(tokens, tower.ends(tokens), before=3, after=2, length=tower.context)
    assert ours.layout.shape[1] == 1 + 3 + 2 + 2 + 1
    x = ours.embed(whole) + tower.positional_embedding
    for block in tower.blocks:
        x = block(x, attn_mask=tower.mask(tower.context))
    torch.testing.assert_close(ours(), tower.project(tower.pool(x, whole)))


def test_only_tokens_that_a_text_sees_get_a_gradient(tower):
    ours = encoder(tower, [("normal",), ("fight",)])
    ours()[:, 0].sum().backward()
    moved = ours.prompts.rows.grad.abs().sum(dim=1) > 0
    # Start, the word at 4 and the end at 7 are no learned tokens.
    assert moved.nonzero().flatten().tolist() == [1, 2, 3, 5, 6]
    assert all(p.grad is None and not p.requires_grad for p in tower.parameters())


def test_without_learned_tokens_features_are_clips_own(tower, text_transformer):
    texts = ["normal", "a long fight in the street"]
    ours = encoder(tower, [(text,) for text in texts], around=None)
    theirs = text_transformer(clip_tokens(texts, 77))
    torch.testing.assert_close(ours(), theirs)
    assert not any(p.requires_grad for p in ours.parameters())


def test_several_texts_of_a_class_are_averaged_as_long_as_they_are(tower):
    both = encoder(tower, [("normal",), ("fight", "brawl")])
    apart = encoder(tower, [("normal",), ("fight",), ("brawl",)])
    apart.prompts.load_state_dict(both.prompts.state_dict())
    raw = apart()
    torch.testing.assert_close(both(), torch.stack([raw[0], raw[1:].mean(dim=0)]))


def test_a_text_too_long_for_its_learned_tokens_is_named(tower):
    with pytest.raises(ValueError, match=r"'fight' has 78 tokens with 40 \+ 35 learned ones"):
        encoder(tower, [("fight",)], around=(40, 35))
    with pytest.raises(ValueError, match="at least one for each class"):
        encoder(tower, [("normal",), ()])


def test_a_tower_without_end_tokens_is_refused(text_transformer):
    siglip = TextTower(text_transformer, causal=False, pool_last=True)
    with pytest.raises(ValueError, match="no end token .* train another head"):
        encoder(siglip, [("normal",)])


def test_a_tower_that_sees_all_of_a_text_gets_its_whole_context(text_transformer):
    tower = TextTower(text_transformer, causal=False)
    ours = encoder(tower, [("normal",)])
    assert ours.layout.shape == (1, tower.context)
    ours()[:, 0].sum().backward()
    assert ours.prompts.rows.grad[-1].abs().sum() > 0
