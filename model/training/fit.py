"""The training loop of DSANet, readable from top to bottom: no framework, no callbacks but two.

It owns the state of a training and its resumption, bit for bit on a CPU. It does not know where
features lie, nor what "better" means: ``judge`` does (see ``model.training.selection``).
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from model.heads.dsanet.losses import LossTerms
from model.heads.dsanet.model import Dsanet
from model.heads.dsanet.optim import Optimisers, build_optimisers, main_rate, normality_rate
from model.training.config import TrainConfig
from model.training.data import Batch, TrainingSet
from model.training.samplers import paired_batches, shuffled_batches
from model.training.selection import Selection
from model.training.step import StepPrograms, float32_products, gather_gradients, step_programs
from model.training.sync import at_hand
from stores.files.commit import commit_bytes
from stores.files.locations import AnyPath, openable
from stores.records import StoreError

STATE = "training-state.pt"


@dataclass(frozen=True, slots=True)
class StepReport:
    """One optimiser step: its number from 0, the loss terms as detached scalars, and the rates."""

    step: int
    epoch: int
    terms: LossTerms
    total: Tensor
    main_rate: float
    normality_rate: float


@dataclass(slots=True)
class Training:
    """Everything that changes while training: what a resumed run needs to go on."""

    model: Dsanet
    optimisers: Optimisers
    generator: torch.Generator
    epoch: int = 0
    step: int = 0
    best: Selection | None = None
    best_state: dict[str, Tensor] = field(default_factory=dict)
    best_step: int = 0


@dataclass(frozen=True, slots=True)
class Procedure:
    """What differs between protocols and runs.

    ``reload_best`` goes back to the best weights after each epoch, optimisers kept, as the
    published runs do. With ``state_folder`` the state is committed there after every epoch, and a
    state of the same ``key`` found there is taken up. ``programs`` are the model's own in the
    settings' arithmetic, or the same compiled.
    """

    reload_best: bool = False
    state_folder: AnyPath | None = None
    key: str = ""
    programs: StepPrograms | None = None


def fit(
    model: Dsanet,
    samples: TrainingSet,
    settings: TrainConfig,
    judge: Callable[[Dsanet], Selection],
    procedure: Procedure,
    report: Callable[[StepReport, Selection | None], None],
) -> Training:
    """Train ``model`` in place and leave it with the best weights that ``judge`` saw.

    ``judge`` is asked every ``settings.evaluate_every`` samples and at the end of each epoch;
    ``report`` hears of every step, with the judgement where there was one.

    Raises:
        ValueError: An epoch has no batch, or training has diverged.
        StoreError: The state cannot be written, or is damaged.
    """
    optimisers = build_optimisers(model, settings.learning_rate)
    generator = torch.Generator().manual_seed(settings.seed)
    training = Training(model=model, optimisers=optimisers, generator=generator)
    if procedure.state_folder is not None:
        _resume(training, procedure.state_folder / STATE, procedure.key)
    programs = procedure.programs or step_programs(model, settings.arithmetic)
    samples_per_step = settings.batch * (2 if settings.sampling == "paired" else 1)
    for epoch in range(training.epoch, settings.epochs):
        # On the device at once: each step's own few numbers would make the host wait for the last.
        batches = [b.to(samples.features.device) for b in _draw(samples, settings, generator)]
        total_steps = settings.schedule_steps or settings.epochs * len(batches)
        for number, chosen in enumerate(batches, start=1):
            rates = (
                main_rate(epoch, settings.learning_rate, settings.epochs),
                normality_rate(
                    training.step, settings.learning_rate, total_steps, settings.warmup_steps
                ),
            )
            step = _step(training, programs, samples.batch(chosen), settings, rates)
            seen = number * samples_per_step
            due = seen % settings.evaluate_every < samples_per_step or number == len(batches)
            if (due or at_hand(step.total)) and not step.total.isfinite():
                raise ValueError(
                    f"training diverged before step {training.step}: lower the learning rate"
                )
            report(step, _judge(training, judge, step) if due else None)
            training.step += 1
        if procedure.reload_best:
            model.load_learned_state(training.best_state)
        training.epoch = epoch + 1
        if procedure.state_folder is not None:
            _save(training, procedure.state_folder / STATE, procedure.key)
    model.load_learned_state(training.best_state)
    return training


def _draw(
    samples: TrainingSet, settings: TrainConfig, generator: torch.Generator
) -> list[Int[Tensor, " b"]]:
    if settings.sampling == "paired":
        return paired_batches(samples.anomalous.cpu(), settings.batch, generator)
    return shuffled_batches(len(samples), settings.batch, generator)


def _step(
    training: Training,
    programs: StepPrograms,
    batch: Batch,
    settings: TrainConfig,
    rates: tuple[float, float],
) -> StepReport:
    training.model.train()
    training.optimisers.zero_grad()
    part = settings.part if batch.features.is_cpu else len(batch.lengths)
    with float32_products(settings.arithmetic):
        terms = gather_gradients(programs, batch, settings.align_weight, part)
    training.optimisers.step(*rates)
    return StepReport(
        step=training.step,
        epoch=training.epoch,
        terms=terms,
        total=terms.total(settings.align_weight),
        main_rate=rates[0],
        normality_rate=rates[1],
    )


def _judge(training: Training, judge: Callable[[Dsanet], Selection], step: StepReport) -> Selection:
    """Ask for a judgement and keep the weights if they are the best so far."""
    training.model.eval()
    selection = judge(training.model)
    if training.best is None or selection > training.best:
        training.best, training.best_step = selection, step.step
        training.best_state = {k: v.clone() for k, v in training.model.learned_state().items()}
    return selection


def _save(training: Training, path: AnyPath, key: str) -> None:
    best = training.best
    normality = training.optimisers.normality
    state = {
        "key": key,
        "model": training.model.learned_state(),
        "main": training.optimisers.main.state_dict(),
        "normality": None if normality is None else normality.state_dict(),
        "generator": training.generator.get_state(),
        "torch": torch.get_rng_state(),
        "epoch": training.epoch,
        "step": training.step,
        "best": None if best is None else (best.metric, best.likelihood),
        "best_state": training.best_state,
        "best_step": training.best_step,
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    commit_bytes(path, buffer.getbuffer())


def _resume(training: Training, path: AnyPath, key: str) -> None:
    """Take up a state of the same key; one of another key is left to be overwritten."""
    if not path.is_file():
        return
    device = next(training.model.parameters()).device
    try:
        state: dict[str, Any] = torch.load(openable(path), map_location=device, weights_only=True)
        if state["key"] != key:
            return
        training.model.load_learned_state(state["model"])
        training.optimisers.main.load_state_dict(state["main"])
        if training.optimisers.normality is not None:
            training.optimisers.normality.load_state_dict(state["normality"])
        training.generator.set_state(state["generator"].cpu())
        torch.set_rng_state(state["torch"].cpu())
        training.best = None if state["best"] is None else Selection(*state["best"])
        training.epoch, training.step = state["epoch"], state["step"]
        training.best_state, training.best_step = state["best_state"], state["best_step"]
    except (RuntimeError, KeyError, EOFError, OSError, pickle.UnpicklingError) as error:
        raise StoreError(
            f"damaged training state {path} ({error}); delete it to begin anew"
        ) from error
