"""The gradients of one training step, gathered part by part.

What a forward pass keeps for its backward pass is most of a training's memory, and a small part's
rows stay in the processor's cache between two operations. Nothing in the model sees more than its
own sample, and losses are means, so the parts' gradients add up to the batch's.
"""

from __future__ import annotations

import torch

from model.config import Arithmetic
from model.data import Batch
from model.dsanet import Dsanet
from model.losses import LossTerms, loss_terms


def autocast(device: torch.device, arithmetic: Arithmetic) -> torch.autocast:
    """Return the context in which a model computes with this arithmetic."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=arithmetic == "bf16")


def gather_gradients(
    model: Dsanet, batch: Batch, align_weight: float, part: int, arithmetic: Arithmetic = "fp32"
) -> LossTerms:
    """Add the gradients of a batch's total loss to those of the parameters; return its terms.

    ``part`` samples pass at a time, all where it is the batch's size; the terms carry no gradient.

    Raises:
        FloatingPointError: A score is not finite: training has diverged.
    """
    device = batch.features.device
    samples, segments = len(batch.lengths), batch.lengths.sum()
    with autocast(device, arithmetic):
        text = model.text()
    # The parts' gradients meet at the class texts and pass through the text tower once.
    shared = text.detach().requires_grad_(text.requires_grad)
    terms: LossTerms | None = None
    for piece in batch.parts(part):
        # No loss asks for padding to be reconstructed. A GPU's host would wait for the count.
        rebuilt = int(piece.lengths.max()) if piece.lengths.is_cpu else None
        with autocast(device, arithmetic):
            output = model(piece.features, piece.lengths, shared, rebuilt)
        if not output.score_logits.isfinite().all():  # their loss would end a GPU's context
            raise FloatingPointError("a score is not finite")
        own = loss_terms(output.in_float32(), piece.labels, piece.lengths).share(
            of_samples=len(piece.lengths) / samples,
            of_segments=piece.lengths.sum() / segments,
        )
        torch.autograd.backward(own.total(align_weight))
        terms = own.detached() if terms is None else terms.plus(own.detached())
    if shared.grad is not None:
        torch.autograd.backward(text, shared.grad)
    assert terms is not None, "a batch has a sample"
    return terms
