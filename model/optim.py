"""The two optimisers of DSANet and their schedules.

SG-NM is trained by StableAdamW with a rate that changes every step, everything else by AdamW with
a rate that changes every epoch (reference behaviour). Rates are functions of a counter: resuming
needs nothing but that counter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from model.dsanet import Dsanet


class StableAdamW(torch.optim.Optimizer):
    """AdamW whose step shrinks when gradients outrun their running second moment.

    Adafactor's update clipping for each tensor (Wortsman et al., arXiv 2304.13013), with
    AMSGrad and with decoupled weight decay applied before the step.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-10,
        weight_decay: float = 1e-4,
        amsgrad: bool = True,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]  # torch overloads it
        """Update every parameter that has a gradient; return what ``closure`` returned, if any."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group)
        return loss

    def _update(
        self,
        parameter: Float[Tensor, "*n"],
        gradient: Float[Tensor, "*n"],
        group: Mapping[str, Any],
    ) -> None:
        lr, eps, (beta1, beta2) = group["lr"], group["eps"], group["betas"]
        state = self.state[parameter]
        if not state:
            state["step"] = 0
            state["mean"] = torch.zeros_like(parameter)
            state["square"] = torch.zeros_like(parameter)
            state["peak"] = torch.zeros_like(parameter)
        state["step"] += 1

        parameter.mul_(1 - lr * group["weight_decay"])
        state["mean"].lerp_(gradient, 1 - beta1)
        state["square"].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        torch.maximum(state["peak"], state["square"], out=state["peak"])

        second = state["peak"] if group["amsgrad"] else state["square"]
        scale = second.sqrt() / math.sqrt(1 - beta2 ** state["step"]) + eps
        # The shrinking factor stays a tensor: reading it would stall the device once a parameter.
        excess = (gradient / scale).square().mean().sqrt().clamp_min(1.0)
        rate = lr / (1 - beta1 ** state["step"])
        parameter.sub_(rate / excess * state["mean"] / scale)


@dataclass(frozen=True, slots=True)
class Optimisers:
    """Both optimisers of a model; ``normality`` is None where the model has no SG-NM."""

    main: torch.optim.AdamW
    normality: StableAdamW | None

    def zero_grad(self) -> None:
        """Drop all gradients."""
        self.main.zero_grad()
        if self.normality is not None:
            self.normality.zero_grad()

    def step(self, main_rate: float, normality_rate: float) -> None:
        """Update all parameters at these rates."""
        for group in self.main.param_groups:
            group["lr"] = main_rate
        self.main.step()
        if self.normality is not None:
            for group in self.normality.param_groups:
                group["lr"] = normality_rate
            self.normality.step()


def build_optimisers(model: Dsanet, learning_rate: float) -> Optimisers:
    """Return the optimisers of the trained parameters; the frozen text tower is in neither."""
    branch = [] if model.normality is None else list(model.normality.parameters())
    in_branch = {id(parameter) for parameter in branch}
    rest = [p for p in model.parameters() if p.requires_grad and id(p) not in in_branch]
    return Optimisers(
        main=torch.optim.AdamW(rest, lr=learning_rate, weight_decay=0.01),
        normality=StableAdamW(branch, lr=learning_rate) if branch else None,
    )


def normality_rate(step: int, peak: float, steps: int, warmup: int = 100) -> float:
    """Return StableAdamW's rate for update number ``step``, the first being 0.

    Linear from exactly 0 to ``peak`` over ``warmup`` updates, then a cosine down to a tenth of it
    at ``steps``, where it stays. Training shorter than the warm-up never reaches the peak.
    """
    floor = peak / 10
    if step >= steps:
        return floor
    if step < warmup:
        return peak * step / max(warmup - 1, 1)
    progress = (step - warmup) / (steps - warmup)
    return floor + (peak - floor) * (1 + math.cos(math.pi * progress)) / 2


def main_rate(epoch: int, peak: float, epochs: int) -> float:
    """Return AdamW's rate during ``epoch``, the first being 0: a cosine from ``peak`` to 0."""
    return peak * (1 + math.cos(math.pi * epoch / epochs)) / 2
