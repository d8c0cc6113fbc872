"""Class texts to class features: CLIP's frozen text tower with trained adapters.

The tower is that of the open_clip model that the features were made with. It is never trained and
is no part of a checkpoint; the adapters between its blocks are.
"""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from model.heads.text_tower import TextTower, averaging

LEAK = 0.01
"""Slope of every LeakyReLU below zero."""


class TextAdapter(nn.Module):
    """What is trained of the text branch.

    The tower's first ``blocks`` blocks, ``text_width`` wide, are followed by an adapter, whose
    output has the share ``mix`` in [0, 1]; ``width`` is D, that of a video feature.
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
        norm, turned_norm = x.norm(dim=-1, keepdim=True), turned.norm(dim=-1, keepdim=True)
        rescaled = turned * norm / (turned_norm + 1e-6)
        return self.mix * rescaled + (1 - self.mix) * x

    def project(self, x: Float[Tensor, "n w"]) -> Float[Tensor, "n d"]:
        """Return the end tokens in the video features' space, in place of CLIP's projection."""
        return functional.leaky_relu(self.projection(x), LEAK)


class TextEncoder(nn.Module):
    """One feature of norm 1 for each class.

    The features of several prompts of a class are averaged. Without an adapter they are CLIP's own
    text features (ablation).

    Raises:
        ValueError: A class without a prompt, or prompts that the tower cannot take.
    """

    def __init__(
        self, tower: TextTower, prompts: Sequence[Sequence[str]], adapter: TextAdapter | None
    ) -> None:
        super().__init__()
        average = averaging(prompts)
        tokens = tower.tokens([text for texts in prompts for text in texts])
        self.tower = tower
        self.adapter = adapter
        # Plain arithmetic on the prompts: rebuilt with them, so kept out of the state.
        self.tokens = nn.Buffer(tokens, persistent=False)
        self.mask = nn.Buffer(tower.mask(tokens.shape[1]), persistent=False)
        self.average = nn.Buffer(average, persistent=False)

    def end_tokens(self) -> Float[Tensor, "n w"]:
        """Return the token that stands for each prompt after the final LayerNorm, unprojected."""
        tower = self.tower
        x = tower.token_embedding(self.tokens)
        x = x + tower.positional_embedding[: x.shape[1]]
        for index, block in enumerate(tower.blocks):
            x = block(x, attn_mask=self.mask)
            if self.adapter is not None:
                x = self.adapter.adapt(x, index)
        return tower.pool(x, self.tokens)

    def forward(self) -> Float[Tensor, "k d"]:
        """Return the class features with the weights as they are now."""
        ends = self.end_tokens()
        features = self.tower.project(ends) if self.adapter is None else self.adapter.project(ends)
        return functional.normalize(self.average @ features, dim=-1)
