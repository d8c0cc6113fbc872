"""The two optimisers of DSANet and their schedules.

SG-NM is trained by StableAdamW with a rate that changes every step, everything else by AdamW with
a rate that changes every epoch (reference behaviour).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from model.heads.base import Schedule, ScheduledOptimiser


class StableAdamW(torch.optim.Optimizer):
    """AdamW whose step shrinks when gradients outrun their running second moment.

    Adafactor's update clipping for each tensor (Wortsman et al., arXiv 2304.13013), with
    AMSGrad and with decoupled weight decay applied before the step.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float,
        *,
        weight_decay: float = 1e-4,
        amsgrad: bool = True,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "amsgrad": amsgrad})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]  # no closure: nothing asks for one
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            if parameters := [p for p in group["params"] if p.grad is not None]:
                self._update(parameters, group)

    def _update(self, parameters: list[Tensor], group: Mapping[str, Any]) -> None:
        """Update all parameters together: each line is a few kernels, not one a parameter."""
        lr, beta1, beta2 = group["lr"], 0.9, 0.999
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
        torch._foreach_add_(scales, 1e-10)
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


class Warmup(NamedTuple):
    """SG-NM's schedule: ``steps`` of warm-up, and its length N; None is all steps there are."""

    steps: int = 100
    schedule_steps: int | None = None


def build_optimisers(
    main: Sequence[nn.Parameter],
    normality: Sequence[nn.Parameter],
    schedule: Schedule,
    warmup: Warmup,
) -> tuple[ScheduledOptimiser, ...]:
    """Return the optimiser of SG-NM's parameters, if there are any, after that of all others."""
    peak, epochs, epoch_steps = schedule
    adamw = ScheduledOptimiser(
        name="main",
        optimiser=torch.optim.AdamW(main, lr=peak, weight_decay=0.01),
        rate=lambda epoch, _: main_rate(epoch, peak, epochs),
    )
    if not normality:
        return (adamw,)
    steps = warmup.schedule_steps or epochs * epoch_steps
    stable_adamw = ScheduledOptimiser(
        name="normality",
        optimiser=StableAdamW(normality, lr=peak),
        rate=lambda _, step: normality_rate(step, peak, steps, warmup.steps),
    )
    return adamw, stable_adamw


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
