"""The gradients of one training step, gathered part by part.

What a forward pass keeps for its backward pass is most of a training's memory, and a small part's
rows stay in the processor's cache between two operations. Nothing in the model sees more than its
own sample, and losses are means, so the parts' gradients add up to the batch's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from model.heads.dsanet.losses import LossTerms, loss_terms
from model.heads.dsanet.model import Dsanet
from model.training.config import Arithmetic
from model.training.data import Batch
from model.training.sync import at_hand


def autocast(device: torch.device, arithmetic: Arithmetic) -> AbstractContextManager[object]:
    """Return the context in which a model computes with this arithmetic."""
    if arithmetic != "bf16":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


@contextmanager
def float32_products(arithmetic: Arithmetic) -> Iterator[None]:
    """Make what is left in float32, backward passes too, with TF32's 10 bits if it is ``tf32``.

    Only NVIDIA's GPUs have TF32. Convolutions would use it unasked.
    """
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if arithmetic == "tf32" else "highest")
    torch.backends.cudnn.allow_tf32 = arithmetic == "tf32"
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


@dataclass(frozen=True, slots=True)
class StepPrograms:
    """What a step computes between two looks at a number: tensors in, tensors out.

    Attributes:
        text: Returns the class texts.
        terms: Returns what a part adds to the batch's loss terms. Takes the part, the class texts
            [K,D], the part's share of the batch's samples, the batch's number of valid segments as
            a scalar tensor, and how many leading segments are reconstructed, None for all.
        any_batch: Whether one program serves all batches of a shape, as compiled ones should.
    """

    text: Callable[[], Float[Tensor, "k d"]]
    terms: Callable[
        [Batch, Float[Tensor, "k d"], float, Int[Tensor, ""], int | None],
        LossTerms,
    ]
    any_batch: bool = False


def step_programs(model: Dsanet, arithmetic: Arithmetic = "fp32") -> StepPrograms:
    """Return the programs of a model, with the weights that it has whenever they are run."""

    def text() -> Float[Tensor, "k d"]:
        with autocast(model.score_head.weight.device, arithmetic):
            made: Tensor = model.text()
        return made

    def terms(
        piece: Batch,
        text: Float[Tensor, "k d"],
        share: float,
        segments: Int[Tensor, ""],
        rebuilt: int | None,
    ) -> LossTerms:
        with autocast(piece.features.device, arithmetic):
            output = model(piece.features, piece.lengths, text, rebuilt)
        own = loss_terms(output.in_float32(), piece.labels, piece.lengths)
        return own.share(of_samples=share, of_segments=piece.lengths.sum() / segments)

    return StepPrograms(text, terms)


def gather_gradients(
    programs: StepPrograms, batch: Batch, align_weight: float, part: int
) -> LossTerms:
    """Add the gradients of a batch's total loss to those of the parameters; return its terms.

    ``part`` samples pass at a time, all where it is the batch's size; the terms carry no gradient.
    """
    samples, segments = len(batch.lengths), batch.lengths.sum()
    text = programs.text()
    # The parts' gradients meet at the class texts and pass through the text tower once.
    shared = text.detach().requires_grad_(text.requires_grad)
    terms: LossTerms | None = None
    for piece in batch.parts(part):
        # No loss asks for padding to be reconstructed.
        shortened = not programs.any_batch and at_hand(piece.lengths)
        own = programs.terms(
            piece,
            shared,
            len(piece.lengths) / samples,
            segments,
            int(piece.lengths.max()) if shortened else None,
        )
        torch.autograd.backward(own.total(align_weight))
        terms = own.detached() if terms is None else terms.plus(own.detached())
    if shared.grad is not None:
        torch.autograd.backward(text, shared.grad)
    assert terms is not None, "a batch has a sample"
    return terms
