"""Class texts to class features: CLIP's frozen text tower with trained adapters.

Wraps the text half of an open_clip model, whichever the features were made with. The tower is never
trained and is no part of a checkpoint; the adapters between its blocks are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import open_clip
import torch
from jaxtyping import Float, Int
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transformer import QuickGELU, TextTransformer
from torch import Tensor, nn
from torch.nn import functional

LEAK = 0.01
"""Slope of every LeakyReLU below zero."""


@runtime_checkable
class ClipText(Protocol):
    """The text half of CLIP as open_clip builds it, in ``CLIP`` and ``TextTransformer`` alike."""

    token_embedding: nn.Embedding
    positional_embedding: nn.Parameter
    transformer: nn.Module
    ln_final: nn.LayerNorm
    text_projection: nn.Parameter


def text_half(clip: nn.Module) -> ClipText:
    """Return the text half of an open_clip model, also where that is a module of its own.

    Raises:
        ValueError: It is built in another way than CLIP's: SigLIP's, which has no causal mask.
    """
    half = clip if isinstance(clip, ClipText) else getattr(clip, "text", None)
    if isinstance(half, ClipText) and getattr(half, "attn_mask", None) is not None:
        return half
    raise ValueError(f"{type(clip).__name__} has no text tower of CLIP's own kind to adapt")


class TextTower(nn.Module):
    """The text half of an open_clip model, frozen; parameters keep open_clip's names.

    Args:
        clip: An ``open_clip.CLIP`` or ``open_clip.TextTransformer`` with a causal mask. Its text
            modules are shared and frozen, not copied.

    Raises:
        TypeError: ``clip`` is built in another way (a Hugging Face text model, for instance).
    """

    def __init__(self, clip: ClipText) -> None:
        super().__init__()
        if not isinstance(clip, ClipText) or not isinstance(clip.text_projection, nn.Parameter):
            raise TypeError(f"got a {type(clip).__name__}, expected CLIP's own text transformer")
        self.token_embedding = clip.token_embedding
        self.positional_embedding = clip.positional_embedding
        self.transformer = clip.transformer
        self.ln_final = clip.ln_final
        self.text_projection = clip.text_projection
        self.requires_grad_(requires_grad=False)

    @property
    def blocks(self) -> Iterator[nn.Module]:
        """The transformer blocks in order; each takes tokens and an additive mask."""
        return self.transformer.get_submodule("resblocks").children()

    @property
    def width(self) -> int:
        """Width of a token inside the tower."""
        return self.positional_embedding.shape[1]

    @property
    def context(self) -> int:
        """The most tokens it takes, start and end included."""
        return self.positional_embedding.shape[0]


def empty_text_tower(model: str) -> TextTower:
    """Return the text tower of open_clip's ``model`` with random weights, to be filled.

    The vision half, two thirds of the parameters, is never made.

    Raises:
        ValueError: open_clip knows no such model.
    """
    config = open_clip.get_model_config(model)
    if config is None:
        raise ValueError(f"open_clip knows no model {model!r}")
    text = config["text_cfg"]
    return TextTower(
        TextTransformer(
            context_length=text["context_length"],
            vocab_size=text["vocab_size"],
            width=text["width"],
            heads=text["heads"],
            layers=text["layers"],
            output_dim=config["embed_dim"],
            act_layer=QuickGELU if config.get("quick_gelu") else nn.GELU,
        )
    )


def tokenise(prompts: Sequence[str], context: int) -> Int[Tensor, "n l"]:
    """Return CLIP's tokens, cut after the longest prompt's end token and padded with 0.

    Raises:
        ValueError: A prompt has more than ``context`` tokens; CLIP itself would cut it in silence.
    """
    tokeniser = SimpleTokenizer(context_length=context)
    lengths = [len(tokeniser.encode(prompt)) + 2 for prompt in prompts]  # with start and end
    for prompt, length in zip(prompts, lengths, strict=True):
        if length > context:
            raise ValueError(f"prompt {prompt!r} has {length} tokens, expected at most {context}")
    tokens: Tensor = tokeniser(list(prompts))
    return tokens[:, : max(lengths)]


class TextAdapter(nn.Module):
    """What is trained of the text branch.

    Args:
        text_width: Width of the tower.
        width: D, the width of a video feature.
        blocks: The tower's first blocks that are followed by an adapter.
        mix: Share in [0, 1] of the adapter's output.
    """

    def __init__(self, text_width: int, width: int, blocks: int, mix: float) -> None:
        super().__init__()
        self.mix = mix
        self.blocks = nn.ModuleList(
            nn.Linear(text_width, text_width, bias=False) for _ in range(blocks)
        )
        self.projection = nn.Linear(text_width, width, bias=False)
        for linear in (*self.blocks, self.projection):
            nn.init.xavier_uniform_(linear.weight)

    def adapt(self, x: Float[Tensor, "n l w"], block: int) -> Float[Tensor, "n l w"]:
        """Return what leaves the tower's block number ``block``; later blocks pass unchanged.

        The adapter turns a token's direction; its norm stays, so that the frozen blocks that follow
        see tokens of the size they know.
        """
        if block >= len(self.blocks):
            return x
        turned = functional.leaky_relu(self.blocks[block](x), LEAK)
        rescaled = (
            turned * x.norm(dim=-1, keepdim=True) / (turned.norm(dim=-1, keepdim=True) + 1e-6)
        )
        return self.mix * rescaled + (1 - self.mix) * x

    def project(self, x: Float[Tensor, "n w"]) -> Float[Tensor, "n d"]:
        """Return the end tokens in the video features' space, in place of CLIP's projection."""
        return functional.leaky_relu(self.projection(x), LEAK)


class TextEncoder(nn.Module):
    """One feature of norm 1 for each class.

    Args:
        tower: CLIP's text tower.
        prompts: One or more texts for each class; the features of several are averaged.
        adapter: None leaves CLIP's text features as they are (ablation).

    Raises:
        ValueError: A class without a prompt, a prompt too long, or a tower that was built for
            another vocabulary than CLIP's.
    """

    def __init__(
        self,
        tower: TextTower,
        prompts: Sequence[Sequence[str]],
        adapter: TextAdapter | None,
    ) -> None:
        super().__init__()
        if not prompts or not all(prompts):
            raise ValueError(f"got prompts {list(prompts)}, expected at least one for each class")
        tokens = tokenise([text for texts in prompts for text in texts], tower.context)
        vocabulary = tower.token_embedding.num_embeddings
        if int(tokens.max()) >= vocabulary:
            raise ValueError(f"the text tower has {vocabulary} tokens, expected CLIP's 49408")
        self.tower = tower
        self.adapter = adapter
        length = tokens.shape[1]
        # Plain arithmetic on the prompts: rebuilt with them, so kept out of the state.
        self.tokens: Tensor
        self.register_buffer("tokens", tokens, persistent=False)
        self.causal_mask: Tensor
        causal_mask = torch.full((length, length), -math.inf).triu(1)
        self.register_buffer("causal_mask", causal_mask, persistent=False)
        self.average: Tensor
        self.register_buffer("average", _averaging(prompts), persistent=False)

    def end_tokens(self) -> Float[Tensor, "n w"]:
        """Return each prompt's end token after the final LayerNorm, before any projection.

        The mask is causal, so nothing after the end token can reach it: tokens beyond the longest
        prompt are not even computed.
        """
        tower = self.tower
        x = tower.token_embedding(self.tokens)
        x = x + tower.positional_embedding[: x.shape[1]]
        for index, block in enumerate(tower.blocks):
            x = block(x, attn_mask=self.causal_mask)
            if self.adapter is not None:
                x = self.adapter.adapt(x, index)
        ends = self.tokens.argmax(dim=-1)  # the end token has the highest id of the vocabulary
        normed: Tensor = tower.ln_final(x[torch.arange(len(ends), device=ends.device), ends])
        return normed

    def forward(self) -> Float[Tensor, "k d"]:
        """Return the class features with the weights as they are now."""
        ends = self.end_tokens()
        features = (
            ends @ self.tower.text_projection
            if self.adapter is None
            else self.adapter.project(ends)
        )
        return functional.normalize(self.average @ features, dim=-1)


class AbsentText(nn.Module):
    """Stands where a model has no text branch: scoring with known class features needs none."""

    def forward(self) -> Float[Tensor, "k d"]:
        """Refuse.

        Raises:
            ValueError: Always.
        """
        raise ValueError("this model has no text branch, expected the class features to be given")


def _averaging(prompts: Sequence[Sequence[str]]) -> Float[Tensor, "k n"]:
    """Return the matrix that averages the rows of each class's prompts."""
    counts = torch.tensor([len(texts) for texts in prompts])
    owner = torch.repeat_interleave(torch.arange(len(counts)), counts)
    return (owner == torch.arange(len(counts)).unsqueeze(1)) / counts.unsqueeze(1)
