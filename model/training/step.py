"""The gradients of one training step, gathered part by part.

Small parts bound memory, and their rows stay in the processor's cache between two operations. No
head sees more than its own sample, and losses are means, so gradients add up to the batch's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from model.heads.base import Head
from model.heads.loss_terms import LossTerms
from model.training.config import Arithmetic
from model.training.data import Batch


def autocast(device: torch.device, arithmetic: Arithmetic) -> AbstractContextManager[object]:
    """Return the context in which a model computes with this arithmetic."""
    if arithmetic != "bf16":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


@contextmanager
def float32_products(arithmetic: Arithmetic) -> Iterator[None]:
    """Make float32 products, backward passes' too, with TF32's 10 bits if it is ``tf32``.

    Only NVIDIA's GPUs have TF32; their convolutions would use it unasked.
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

    ``text`` returns the class texts [K,D]. ``terms`` returns what a part adds to the batch's loss
    terms; it takes the part, the class texts, the part's share of the batch's samples, and the
    batch's number of valid segments as a scalar tensor.
    """

    text: Callable[[], Float[Tensor, "k d"]]
    terms: Callable[[Batch, Float[Tensor, "k d"], float, Int[Tensor, ""]], LossTerms]


def step_programs(head: Head, arithmetic: Arithmetic = "fp32") -> StepPrograms:
    """Return the programs of a head, with the weights that it has whenever they are run."""
    device = next(head.parameters()).device

    def text() -> Float[Tensor, "k d"]:
        with autocast(device, arithmetic):
            return head.class_texts()

    def terms(
        part: Batch, text: Float[Tensor, "k d"], share: float, segments: Int[Tensor, ""]
    ) -> LossTerms:
        with autocast(device, arithmetic):
            output = head(part.features, part.lengths, text)
        own: LossTerms = output.loss_terms(part.labels, part.lengths)
        return own.share(of_samples=share, of_segments=part.lengths.sum() / segments)

    return StepPrograms(text, terms)


def gather_gradients(
    programs: StepPrograms, batch: Batch, weights: Mapping[str, float], part: int
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
        own = programs.terms(piece, shared, len(piece.lengths) / samples, segments)
        torch.autograd.backward(own.total(weights))
        terms = own.detached() if terms is None else terms.plus(own.detached())
    if shared.grad is not None:
        torch.autograd.backward(text, shared.grad)
    assert terms is not None, "a batch has a sample"
    return terms
