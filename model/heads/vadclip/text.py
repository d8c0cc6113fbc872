"""Class texts to class features: learned tokens around the words, through CLIP's frozen tower.

The learned tokens are the only trained part of the text side; a gradient passes through the tower
to them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from model.heads.text_tower import TextTower, averaging

LEARNED = -1
"""Stands in a layout where a position holds a learned token."""


def lay_out(
    tokens: Int[Tensor, "n l"], ends: Int[Tensor, " n"], *, before: int, after: int, length: int
) -> Int[Tensor, "n m"]:
    """Return which token id stands at each of ``length`` positions of a prompt, or ``LEARNED``.

    Start token, ``before`` learned ones, words, ``after`` learned ones, end token; what follows is
    learned as well, and no causal tower sees it.
    """
    layout = torch.full((len(tokens), length), LEARNED, dtype=tokens.dtype)
    layout[:, 0] = tokens[:, 0]
    for row, (own, end) in enumerate(zip(tokens, ends.tolist(), strict=True)):
        layout[row, before + 1 : before + end] = own[1:end]
        layout[row, before + end + after] = own[end]
    return layout


class LearnedPrompts(nn.Module):
    """A learned token for each of ``context`` positions, as wide as the tower, for all classes.

    One is taken by its position and not by its number, so what follows a class of two words is
    another token than what follows a class of one.
    """

    def __init__(self, context: int, text_width: int) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.empty(context, text_width))
        nn.init.normal_(self.rows, std=0.01)

    def forward(
        self, embedded: Float[Tensor, "n m w"], layout: Int[Tensor, "n m"]
    ) -> Float[Tensor, "n m w"]:
        """Return embedded tokens with learned ones where the layout wants them."""
        learned = (layout == LEARNED).unsqueeze(-1)
        return torch.where(learned, self.rows[: layout.shape[1]], embedded)


class PromptedTextEncoder(nn.Module):
    """One feature for each class, by CLIP's own projection and as long as CLIP makes it.

    The features of several texts of a class are averaged. Without learned tokens around the words,
    ``before`` and ``after`` being None, they are CLIP's own text features (ablation).

    Raises:
        ValueError: A class without a prompt, prompts that the tower cannot take, or a tower whose
            texts have no start and end tokens to put learned ones between.
    """

    def __init__(
        self,
        tower: TextTower,
        prompts: Sequence[Sequence[str]],
        around: tuple[int, int] | None,
    ) -> None:
        super().__init__()
        average = averaging(prompts)
        texts = [text for own in prompts for text in own]
        layout = tower.tokens(texts)
        self.prompts: LearnedPrompts | None = None
        if around is not None:
            layout = _surround(tower, texts, layout, around)
            self.prompts = LearnedPrompts(tower.context, tower.width)
        self.tower = tower
        # Plain arithmetic on the prompts: rebuilt with them, so kept out of the state.
        self.layout = nn.Buffer(layout, persistent=False)
        self.mask = nn.Buffer(tower.mask(layout.shape[1]), persistent=False)
        self.average = nn.Buffer(average, persistent=False)

    def embed(self, layout: Int[Tensor, "n m"]) -> Float[Tensor, "n m w"]:
        """Return what the tower sees of prompts, before CLIP's position embedding."""
        embedded: Tensor = self.tower.token_embedding(layout.clamp(min=0))
        return embedded if self.prompts is None else self.prompts(embedded, layout)

    def end_tokens(self) -> Float[Tensor, "n w"]:
        """Return the token that stands for each prompt after the final LayerNorm, unprojected."""
        tower = self.tower
        x = self.embed(self.layout)
        x = x + tower.positional_embedding[: x.shape[1]]
        for block in tower.blocks:
            x = block(x, attn_mask=self.mask)
        return tower.pool(x, self.layout)

    def forward(self) -> Float[Tensor, "k d"]:
        """Return the class features with the weights as they are now."""
        return self.average @ self.tower.project(self.end_tokens())


def _surround(
    tower: TextTower, texts: Sequence[str], tokens: Int[Tensor, "n l"], around: tuple[int, int]
) -> Int[Tensor, "n m"]:
    """Return the layout of texts with learned tokens before and after their words."""
    if tower.pools_last:
        raise ValueError(
            "its texts have no end token that stands for them, and learned prompts need one: "
            "train another head with these features"
        )
    before, after = around
    ends = tower.ends(tokens)
    longest = int(ends.max()) + before + after + 1
    if longest > tower.context:
        raise ValueError(
            f"prompt {texts[int(ends.argmax())]!r} has {longest} tokens with {before} + {after} "
            f"learned ones, expected at most {tower.context}"
        )
    length = longest if tower.causal else tower.context
    return lay_out(tokens, ends, before=before, after=after, length=length)
