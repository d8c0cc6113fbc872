"""The training loop: no framework, no callbacks but two.

It owns the state of a training and its resumption, bit for bit on a CPU. It does not know where
features lie, what the head is, nor which weights are better (see ``model.training.selection``).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from model.device import can_sync
from model.heads.base import Head, Schedule, ScheduledOptimiser
from model.heads.loss_terms import LossTerms
from model.heads.published import NO_WEIGHTS
from model.training.config import TrainConfig
from model.training.data import Batch, TrainingSet
from model.training.samplers import draw_epoch, epoch_steps
from model.training.selection import Selection
from model.training.step import StepPrograms, float32_products, gather_gradients, step_programs
from stores.files.commit import commit_bytes
from stores.files.locations import AnyPath, openable
from stores.records import StoreError

STATE = "training-state.pt"


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step: its number from 0, the loss terms as detached scalars, the optimisers' rates."""

    step: int
    terms: LossTerms
    total: Tensor
    rates: dict[str, float]


@dataclass(slots=True)
class Training:
    """Everything that changes while training: what a resumed run needs to go on."""

    head: Head
    optimisers: tuple[ScheduledOptimiser, ...]
    generator: torch.Generator
    epoch: int = 0
    step: int = 0
    best: Selection | None = None
    best_state: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FitOptions:
    """What differs between protocols and runs.

    ``reload_best`` goes back to the best weights after each epoch, optimisers kept, as the
    published runs do. With ``state_folder`` the state is committed there after every epoch, and a
    state of the same ``key`` found there is taken up. ``programs`` may be compiled ones.
    """

    reload_best: bool = False
    state_folder: AnyPath | None = None
    key: str = ""
    programs: StepPrograms | None = None


def fit(
    head: Head,
    samples: TrainingSet,
    settings: TrainConfig,
    evaluate: Callable[[Head], Selection],
    options: FitOptions,
    report: Callable[[StepReport, Selection | None], None],
) -> Training:
    """Train ``head`` in place and leave it with the best weights that ``evaluate`` saw.

    ``evaluate`` is called every ``settings.evaluate_every`` samples and at the end of each epoch;
    ``report`` gets every step, with the evaluation where there was one.

    Raises:
        ValueError: An epoch has no batch, or training has diverged.
        StoreError: The state cannot be written, or is damaged.
    """
    steps = epoch_steps(samples, settings)
    optimisers = head.optimisers(Schedule(settings.learning_rate, settings.epochs, steps))
    generator = torch.Generator().manual_seed(settings.seed)
    training = Training(head=head, optimisers=optimisers, generator=generator)
    if options.state_folder is not None:
        _resume(training, options.state_folder / STATE, options.key)
    programs = options.programs or step_programs(head, settings.arithmetic)
    samples_per_step = settings.batch * (2 if settings.sampling == "paired" else 1)
    while training.epoch < settings.epochs:
        # On the device at once: each step's own few numbers would make the host wait for the last.
        batches = [b.to(samples.features.device) for b in draw_epoch(samples, settings, generator)]
        for number, chosen in enumerate(batches, start=1):
            step = _step(training, programs, samples.batch(chosen), settings)
            seen = number * samples_per_step
            due = seen % settings.evaluate_every < samples_per_step or number == len(batches)
            if (due or can_sync(step.total)) and not step.total.isfinite():
                raise ValueError(
                    f"training diverged before step {training.step}: lower the learning rate"
                )
            report(step, _select(training, evaluate) if due else None)
            training.step += 1
        if options.reload_best:
            head.load_learned_state(training.best_state)
        training.epoch += 1
        if options.state_folder is not None:
            _save(training, options.state_folder / STATE, options.key)
    head.load_learned_state(training.best_state)
    return training


def _step(
    training: Training, programs: StepPrograms, batch: Batch, settings: TrainConfig
) -> StepReport:
    head = training.head.train()
    for each in training.optimisers:
        each.optimiser.zero_grad()
    part = settings.part if batch.features.is_cpu else len(batch.lengths)
    with float32_products(settings.arithmetic):
        terms = gather_gradients(programs, batch, head.loss_weights, part)
    total = terms.total(head.loss_weights)
    rates = {o.name: o.step(training.epoch, training.step) for o in training.optimisers}
    return StepReport(training.step, terms, total, rates)


def _select(training: Training, evaluate: Callable[[Head], Selection]) -> Selection:
    """Evaluate the present weights and keep them if they are the best so far."""
    head = training.head.eval()
    selection = evaluate(head)
    if training.best is None or selection > training.best:
        training.best = selection
        training.best_state = {k: v.clone() for k, v in head.learned_state().items()}
    return selection


def _save(training: Training, path: AnyPath, key: str) -> None:
    best = training.best
    state = {
        "key": key,
        "head": training.head.learned_state(),
        "optimisers": {each.name: each.optimiser.state_dict() for each in training.optimisers},
        "generator": training.generator.get_state(),
        "torch": torch.get_rng_state(),
        "epoch": training.epoch,
        "step": training.step,
        "best": None if best is None else (best.metric, best.likelihood),
        "best_state": training.best_state,
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    commit_bytes(path, buffer.getbuffer())


def _resume(training: Training, path: AnyPath, key: str) -> None:
    """Take up a state of the same key; one of another key is left to be overwritten."""
    if not path.is_file():
        return
    device = next(training.head.parameters()).device
    try:
        state: dict[str, Any] = torch.load(openable(path), map_location=device, weights_only=True)
        if state["key"] != key:
            return
        training.head.load_learned_state(state["head"])
        for each in training.optimisers:
            each.optimiser.load_state_dict(state["optimisers"][each.name])
        training.generator.set_state(state["generator"].cpu())
        torch.set_rng_state(state["torch"].cpu())
        training.best = None if state["best"] is None else Selection(*state["best"])
        training.epoch, training.step = state["epoch"], state["step"]
        training.best_state = state["best_state"]
    except NO_WEIGHTS as error:  # whose messages advise to run what the file holds
        raise StoreError(f"damaged training state {path}; delete it to begin anew") from error
