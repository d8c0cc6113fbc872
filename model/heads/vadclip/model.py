"""VadCLIP: segment features to anomaly and class logits (Wu et al., AAAI 2024, arXiv 2308.11681).

Composes the text side with the branches that heads share, and says how they are trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jaxtyping import Float, Int
from torch import Tensor, nn

from model.heads.base import Head, Schedule, ScheduledOptimiser
from model.heads.branches import DualBranch
from model.heads.vadclip.losses import VadclipOutput
from model.heads.vadclip.optim import build_optimiser
from model.heads.vadclip.probabilities import class_probabilities
from model.heads.vadclip.text import PromptedTextEncoder


class Vadclip(Head):
    """The whole model in training; ``build_vadclip`` puts one together from settings.

    Args:
        branches: Encode and score segments.
        text: Encodes classes.
        separation_weight: Of the text separation.
        decays: Shares of the epochs after which the rate falls.
        fine_selection: Whether weights are chosen by the fine branch's score.
    """

    def __init__(
        self,
        branches: DualBranch,
        text: PromptedTextEncoder,
        *,
        separation_weight: float,
        decays: Sequence[float],
        fine_selection: bool,
    ) -> None:
        super().__init__()
        self.branches: DualBranch = branches
        self.distribution = class_probabilities
        self.text = text
        self.loss_weights = {"separation": separation_weight}
        self.selects_by_fine = fine_selection
        self._decays = tuple(decays)

    def class_texts(self) -> Float[Tensor, "k d"]:
        """Return the class features [K,D], not normalised: their length weighs in the branch."""
        text: Tensor = self.text()
        return text

    def forward(
        self,
        features: Float[Tensor, "b t d"],
        lengths: Int[Tensor, " b"],
        text: Float[Tensor, "k d"],
    ) -> VadclipOutput:
        """Return what the losses need; features are zero beyond each sample's length, 1 to T."""
        logits = self.branches(features, lengths, text)
        return VadclipOutput(score_logits=logits.score, align_logits=logits.align, text=text)

    def optimisers(self, schedule: Schedule) -> tuple[ScheduledOptimiser, ...]:
        """Return the one AdamW of all that is learned."""
        learned = [p for p in self.parameters() if p.requires_grad]
        return (build_optimiser(learned, schedule, self._decays),)

    def learned_parts(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield branches and learned prompts."""
        yield "", self.branches
        if self.text.prompts is not None:
            yield "text.prompts.", self.text.prompts
