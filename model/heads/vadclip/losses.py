"""The three training losses of VadCLIP, all of which DSANet has too."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from model.heads.bags import align_loss, classification_loss, label_shares, separation_loss
from model.heads.loss_terms import LossTerms


@dataclass(frozen=True, slots=True)
class VadclipOutput:
    """What the losses need, for B windows of T segments, padding included."""

    score_logits: Float[Tensor, "b t"]
    align_logits: Float[Tensor, "b t k"]
    text: Float[Tensor, "k d"]

    def loss_terms(self, labels: Float[Tensor, "b k"], lengths: Int[Tensor, " b"]) -> LossTerms:
        """Return every loss of the batch.

        Raises:
            ValueError: A sample has no label; on a GPU its losses become NaN instead.
        """
        shares = label_shares(labels)
        return LossTerms(
            {
                "classification": classification_loss(self.score_logits.float(), labels, lengths),
                "align": align_loss(self.align_logits.float(), shares, lengths),
                "separation": separation_loss(self.text.float()),
            }
        )
