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
from torch import Tensor, nn

from model.heads.dsanet.model import Dsanet


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
            self._update([p for p in group["params"] if p.grad is not None], group)
        return loss

    def _update(self, parameters: list[Tensor], group: Mapping[str, Any]) -> None:
        """Update all parameters together: each line is a few kernels, not one a parameter."""
        if not parameters:
            return
        lr, eps, (beta1, beta2) = group["lr"], group["eps"], group["betas"]
        gradients = [p.grad for p in parameters if p.grad is not None]
        states = [self._advance(p) for p in parameters]
        steps = [s["step"] for s in states]
        means, squares, peaks = ([s[key] for s in states] for key in ("mean", "square", "peak"))

        torch._foreach_mul_(parameters, 1 - lr * group["weight_decay"])
        torch._foreach_lerp_(means, gradients, 1 - beta1)
        torch._foreach_mul_(squares, beta2)
        torch._foreach_addcmul_(squares, gradients, gradients, value=1 - beta2)
        torch._foreach_maximum_(peaks, squares)

        scales = torch._foreach_sqrt(peaks if group["amsgrad"] else squares)
        torch._foreach_div_(scales, [math.sqrt(1 - beta2**step) for step in steps])
        torch._foreach_add_(scales, eps)
        # The shrinking factors stay tensors: reading them would stall the device.
        excesses = torch._foreach_norm(torch._foreach_div(gradients, scales))
        torch._foreach_div_(excesses, [math.sqrt(p.numel()) for p in parameters])
        torch._foreach_clamp_min_(excesses, 1.0)
        updates = torch._foreach_div(means, scales)
        torch._foreach_div_(updates, excesses)
        torch._foreach_mul_(updates, [lr / (1 - beta1**step) for step in steps])
        torch._foreach_sub_(parameters, updates)

    def _advance(self, parameter: Tensor) -> dict[str, Any]:
        """Return the state of a parameter, begun where there is none, its step counted."""
        state: dict[str, Any] = self.state[parameter]
        if not state:
            state["step"] = 0
            state |= {key: torch.zeros_like(parameter) for key in ("mean", "square", "peak")}
        state["step"] += 1
        return state


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
