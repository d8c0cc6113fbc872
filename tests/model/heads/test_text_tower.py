import json

import open_clip
import pytest
import torch
from open_clip.model import CLIPTextCfg, CLIPVisionCfg, CustomTextCLIP
from open_clip.transformer import TextTransformer
from torch import nn
from torch.nn import functional

from model.heads.dsanet.text import TextEncoder
from model.heads.text_tower import TextTower, clip_tokens, empty_text_tower, text_tower

TEXTS = ["normal", "a long fight in the street", "road accident"]


def custom_clip(**text):
    """Build an open_clip model whose text half is a module of its own, as MobileCLIP's is."""
    torch.manual_seed(0)
    vision = CLIPVisionCfg(layers=1, width=64, head_width=32, patch_size=112)
    return CustomTextCLIP(24, vision, CLIPTextCfg(width=32, heads=4, layers=2, **text))


@pytest.fixture
def siglip(tmp_path):
    """A narrow SigLIP with a tokeniser of three dozen words, under a name that open_clip knows."""
    tokenizers = pytest.importorskip("tokenizers")
    transformers = pytest.importorskip("transformers")
    words = ["<pad>", "</s>", "<unk>", *sorted({w for text in TEXTS for w in text.split()})]
    plain = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>")
    )
    plain.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    plain.post_processor = tokenizers.processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(tmp_path / "tokeniser")
    text = {
        "context_length": 16,
        "vocab_size": len(words),
        "hf_tokenizer_name": str(tmp_path / "tokeniser"),
        "tokenizer_kwargs": {"clean": "canonicalize"},
        "width": 32,
        "heads": 4,
        "layers": 2,
        "no_causal_mask": True,
        "proj_bias": True,
        "pool_type": "last",
    }
    vision = {"image_size": 224, "layers": 1, "width": 64, "head_width": 32, "patch_size": 112}
    name = "narrow-siglip"
    (tmp_path / f"{name}.json").write_text(
        json.dumps({"embed_dim": 24, "custom_text": True, "vision_cfg": vision, "text_cfg": text})
    )
    open_clip.add_model_config(tmp_path)
    torch.manual_seed(0)
    return name, open_clip.create_model(name)


@pytest.mark.parametrize(
    "text", [{}, {"no_causal_mask": True}, {"no_causal_mask": True, "pool_type": "last"}]
)
def test_features_without_an_adapter_are_the_models_own_however_its_tower_reads(text):
    clip = custom_clip(**text).eval()
    ours = TextEncoder(text_tower(clip, "MobileCLIP-B"), [(t,) for t in TEXTS], adapter=None)()
    theirs = clip.encode_text(clip_tokens(TEXTS, 77), normalize=True)
    torch.testing.assert_close(ours, theirs)


def test_siglip_is_read_with_its_own_tokens_padding_and_projection(siglip):
    name, clip = siglip
    clip.eval()
    nn.init.normal_(clip.text.text_projection.bias)
    tower = text_tower(clip, name)
    ours = TextEncoder(tower, [(text,) for text in TEXTS], adapter=None)()
    theirs = clip.encode_text(open_clip.get_tokenizer(name)(TEXTS))
    torch.testing.assert_close(ours, functional.normalize(theirs, dim=-1))
    assert tower.output_width == 24
    with pytest.raises(ValueError, match="has 17 tokens, expected at most 16"):
        tower.tokens(["fight " * 16])


def test_tokens_end_with_the_longest_prompt(tower):
    tokens = tower.tokens(["normal", "road accident"])
    assert tokens.shape == (2, 4)
    assert tokens[0].tolist()[-2:] == [49407, 0]


def test_a_prompt_that_clip_would_cut_is_refused():
    with pytest.raises(ValueError, match="'one two three four' has 6 tokens, expected at most 5"):
        clip_tokens(["one", "one two three four"], 5)


def test_a_tower_of_another_vocabulary_is_refused():
    tower = TextTower(TextTransformer(vocab_size=50, width=8, heads=1, layers=1))
    with pytest.raises(ValueError, match="has 50 tokens, its tokeniser 49407 or more"):
        TextEncoder(tower, [("normal",)], adapter=None)


def test_text_halves_of_another_kind_are_refused():
    with pytest.raises(ValueError, match="Linear has no text tower of CLIP's own kind"):
        text_tower(nn.Linear(2, 2), "ViT-B-16")
    with pytest.raises(ValueError, match="masks its padding"):
        text_tower(custom_clip(embed_cls=True), "ViT-B-16")


def test_an_unknown_clip_is_refused():
    with pytest.raises(ValueError, match="no model 'ViT-Z'"):
        empty_text_tower("ViT-Z")


def test_features_of_texts_are_clips_own_and_carry_no_gradient(tower, text_transformer):
    texts = ["normal", "a long fight in the street"]
    found = tower.features(texts)
    torch.testing.assert_close(found, text_transformer(clip_tokens(texts, 77)))
    assert not found.requires_grad
