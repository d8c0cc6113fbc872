"""CLIP's text tower, frozen: texts to one token each, block by block, as open_clip built it.

Towers differ: CLIP's reads from left to right and ends at its end token; SigLIP's and the smaller
MobileCLIPs' see all of a text at once, padding included; SigLIP has a vocabulary of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Protocol, runtime_checkable

import open_clip
import torch
from jaxtyping import Float, Int
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transformer import QuickGELU, TextTransformer
from torch import Tensor, nn

Tokeniser = Callable[[Sequence[str], int], Tensor]
"""Texts and a context length to token ids [n, context]."""


@runtime_checkable
class ClipText(Protocol):
    """The text half of CLIP as open_clip builds it, in ``CLIP`` and ``TextTransformer`` alike."""

    token_embedding: nn.Embedding
    positional_embedding: nn.Parameter
    transformer: nn.Module
    ln_final: nn.LayerNorm
    text_projection: nn.Parameter | nn.Linear


def text_tower(clip: nn.Module, model: str) -> TextTower:
    """Return the frozen text tower of an open_clip model that is called ``model``.

    Raises:
        ValueError: Its text half is no transformer of open_clip's own (a Hugging Face model), is
            pooled or masked in another way than CLIP's or SigLIP's, or its tokeniser is not here.
    """
    half = clip if isinstance(clip, ClipText) else getattr(clip, "text", None)
    pool = getattr(half, "text_pool_type", getattr(half, "pool_type", None))
    if not isinstance(half, ClipText) or pool not in ("argmax", "last"):
        raise ValueError(f"{type(clip).__name__} has no text tower of CLIP's own kind to adapt")
    if getattr(half, "use_pad_mask", False) or getattr(half, "cls_emb", None) is not None:
        raise ValueError(f"{type(clip).__name__}'s text tower masks its padding, as none of CLIP's")
    return TextTower(
        half,
        causal=getattr(half, "attn_mask", None) is not None,
        pool_last=pool == "last",
        tokenise=_tokeniser_of(model),
    )


class TextTower(nn.Module):
    """The text half of an open_clip model, frozen; parameters keep open_clip's names.

    Args:
        clip: Its text modules are shared and frozen, not copied.
        causal: Whether a token sees those before it alone.
        pool_last: Whether the last position stands for a text, or its end token.
        tokenise: What makes tokens of texts; by default :func:`clip_tokens`.
    """

    def __init__(
        self,
        clip: ClipText,
        *,
        causal: bool = True,
        pool_last: bool = False,
        tokenise: Tokeniser | None = None,
    ) -> None:
        super().__init__()
        self.token_embedding = clip.token_embedding
        self.positional_embedding = clip.positional_embedding
        self.transformer = clip.transformer
        self.ln_final = clip.ln_final
        self.text_projection = clip.text_projection
        self.requires_grad_(requires_grad=False)
        self.causal = causal
        self.pools_last = pool_last
        self._tokenise = tokenise or clip_tokens

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
        """The most tokens that a text may have."""
        return self.positional_embedding.shape[0]

    @property
    def output_width(self) -> int:
        """Width of CLIP's own text features."""
        projection = self.text_projection
        return projection.out_features if isinstance(projection, nn.Linear) else projection.shape[1]

    def tokens(self, prompts: Sequence[str]) -> Int[Tensor, "n l"]:
        """Return the tokens of texts.

        Where a token sees those before it alone, what follows the longest text's end is cut off.

        Raises:
            ValueError: A text is too long, or the tower was built for another vocabulary.
        """
        tokens = self._tokenise(prompts, self.context)
        vocabulary, highest = self.token_embedding.num_embeddings, int(tokens.max())
        if highest >= vocabulary:
            raise ValueError(
                f"the text tower has {vocabulary} tokens, its tokeniser {highest} or more"
            )
        return tokens[:, : int(self.ends(tokens).max()) + 1] if self.causal else tokens

    def mask(self, length: int) -> Float[Tensor, "l l"]:
        """Return the additive attention mask for texts of ``length`` tokens."""
        if not self.causal:
            return torch.zeros(length, length)
        return torch.full((length, length), -math.inf).triu(1)

    def pool(self, x: Float[Tensor, "n l w"], tokens: Int[Tensor, "n l"]) -> Float[Tensor, "n w"]:
        """Return the token that stands for each text, after the final LayerNorm."""
        ends = self.ends(tokens)
        normed: Tensor = self.ln_final(x[torch.arange(len(ends), device=ends.device), ends])
        return normed

    def project(self, x: Float[Tensor, "n w"]) -> Float[Tensor, "n d"]:
        """Return CLIP's own text features of pooled tokens."""
        projection = self.text_projection
        return projection(x) if isinstance(projection, nn.Linear) else x @ projection

    @torch.no_grad()
    def features(self, texts: Sequence[str]) -> Float[Tensor, "n d"]:
        """Return CLIP's own features of texts, as long as it makes them; errors of :meth:`tokens`.

        They carry no gradient: nothing here is trained.
        """
        tokens = self.tokens(texts)
        x = self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x, attn_mask=self.mask(tokens.shape[1]))
        return self.project(self.pool(x, tokens))

    def ends(self, tokens: Int[Tensor, "n l"]) -> Int[Tensor, " n"]:
        """Return the position of the token that stands for each text."""
        if self.pools_last:
            return torch.full_like(tokens[:, 0], tokens.shape[1] - 1)
        return tokens.argmax(dim=-1)  # the end token has the highest id of CLIP's vocabulary


def empty_text_tower(model: str) -> TextTower:
    """Return the text tower of open_clip's ``model`` with random weights, to be filled.

    The vision half, two thirds of the parameters, is never made.

    Raises:
        ValueError: open_clip knows no such model.
    """
    config = open_clip.get_model_config(model)
    if config is None:
        raise ValueError(f"open_clip knows no model {model!r}")
    names = ("context_length", "vocab_size", "width", "heads", "layers")
    shape = {name: config["text_cfg"][name] for name in names}
    activation = QuickGELU if config.get("quick_gelu") else nn.GELU
    return TextTower(TextTransformer(output_dim=config["embed_dim"], act_layer=activation, **shape))


def averaging(prompts: Sequence[Sequence[str]]) -> Float[Tensor, "k n"]:
    """Return the matrix that averages the rows of each class's prompts.

    Raises:
        ValueError: A class without a prompt.
    """
    if not prompts or not all(prompts):
        raise ValueError(f"got prompts {list(prompts)}, expected at least one for each class")
    counts = torch.tensor([len(texts) for texts in prompts])
    owner = torch.repeat_interleave(torch.arange(len(counts)), counts)
    return (owner == torch.arange(len(counts)).unsqueeze(1)) / counts.unsqueeze(1)


def clip_tokens(prompts: Sequence[str], context: int) -> Int[Tensor, "n l"]:
    """Return CLIP's tokens [n, context], padded with 0.

    Raises:
        ValueError: A text has more than ``context`` tokens; CLIP itself would cut it in silence.
    """
    tokeniser = _clip_tokeniser(context)
    for prompt in prompts:
        _check_length(prompt, len(tokeniser.encode(prompt)) + 2, context)  # with start and end
    tokens: Tensor = tokeniser(list(prompts))
    return tokens


@cache
def _clip_tokeniser(context: int) -> SimpleTokenizer:
    return SimpleTokenizer(context_length=context)  # it reads its vocabulary for half a second


def _tokeniser_of(model: str) -> Tokeniser | None:
    """Return the tokeniser of a model that has one of its own from Hugging Face; else None."""
    name = (open_clip.get_model_config(model) or {}).get("text_cfg", {}).get("hf_tokenizer_name")
    if name is None:
        return None
    try:
        own = open_clip.get_tokenizer(model)
    except ImportError as error:
        raise ValueError("its tokeniser needs transformers: pip install '.[siglip]'") from error
    except OSError as error:
        raise ValueError(f"its tokeniser {name} is not here: {error}") from error

    def tokenise(prompts: Sequence[str], context: int) -> Tensor:
        for prompt in prompts:
            _check_length(prompt, len(own.tokenizer(own.clean_fn(prompt))["input_ids"]), context)
        tokens: Tensor = own(list(prompts), context_length=context)
        return tokens

    return tokenise


def _check_length(prompt: str, length: int, context: int) -> None:
    if length > context:
        raise ValueError(f"prompt {prompt!r} has {length} tokens, expected at most {context}")
