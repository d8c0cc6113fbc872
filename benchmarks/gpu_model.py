"""The rows of the head: steps, a whole training, scoring, and agreement with golden arrays."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from gpu_row import Row
from measuring import ROOT, Figure
from scoring import make_videos
from training import build_model, make_batch

from model.heads.base import Head
from model.heads.dsanet.config import PRESETS
from model.heads.dsanet.model import Dsanet
from model.heads.segment_scorer import Temperatures
from model.scoring.scorer import score_videos
from model.training.config import Arithmetic
from model.training.data import Batch, TrainingSet
from model.training.fit import FitOptions, fit
from model.training.selection import Selection
from model.training.step import (
    StepPrograms,
    float32_products,
    gather_gradients,
    step_programs,
)
from pipeline.engine.compile import compiled_step


def training(row: Row) -> None:
    """Tell what a step takes by arithmetic, and a training of UCF-Crime's size as a whole."""
    settings, _ = PRESETS["small" if row.quick else "ucf"]
    made = make_batch(4 if row.quick else 128, settings)
    columns = (made.features, made.lengths, made.labels)
    batch = Batch(*(column.to(row.device) for column in columns))
    arithmetics: tuple[Arithmetic, ...] = ("fp32", "tf32", "bf16")
    for arithmetic in arithmetics:
        for way in ("plain", "compiled"):
            if way == "compiled" and (row.quick or arithmetic == "fp32"):
                continue
            model = build_model(settings).to(row.device)
            programs = step_programs(model, arithmetic)
            if way == "compiled":
                programs = compiled_step(programs, row.device)

            with row.memory(f"training: step in {arithmetic}, {way}"):
                took = row.seconds(partial(one_step, model, programs, batch, arithmetic))
            row.tell(Figure(f"training: step in {arithmetic}, {way}", 1000 * took, "ms"))
    whole_training(row)


def one_step(model: Dsanet, programs: StepPrograms, batch: Batch, arithmetic: Arithmetic) -> None:
    """Make the gradients of a step."""
    model.zero_grad()
    with float32_products(arithmetic):
        gather_gradients(programs, batch, model.loss_weights, len(batch.lengths))


def whole_training(row: Row) -> None:
    """Tell what ten epochs of 16,100 samples take, evaluations of 290 videos included."""
    settings, config = PRESETS["small" if row.quick else "ucf"]
    count = 64 if row.quick else 16_100
    some = make_batch(64, settings)
    pick = torch.arange(count) % 64
    samples = TrainingSet(some.features.half()[pick], some.lengths[pick], some.labels[pick])
    videos = make_videos(settings.width)[: 4 if row.quick else None]
    config = replace(config, arithmetic="bf16", epochs=1 if row.quick else 10)
    model = build_model(settings).to(row.device)

    def evaluate(head: Head) -> Selection:
        scores = list(score_videos(head.scorer(Temperatures(1.0)), videos))
        return Selection(float(np.mean([each.mean() for each, _ in scores])))

    begun = time.perf_counter()
    with row.memory("training: whole of UCF-Crime's size"):
        fit(model, samples.to(row.device), config, evaluate, FitOptions(), lambda *_: None)
        row.wait()
    took = time.perf_counter() - begun
    row.tell(Figure("training: whole of UCF-Crime's size in bf16", took, "s", at_most=60.0))


def scoring(row: Row) -> None:
    """Tell what scoring a test split of UCF-Crime's size takes."""
    settings, _ = PRESETS["small" if row.quick else "ucf"]
    scorer = build_model(settings).to(row.device).eval().scorer(Temperatures(1.0))
    videos = make_videos(settings.width)[: 4 if row.quick else None]
    with row.memory("scoring: 290 videos"):
        took = row.seconds(lambda: list(score_videos(scorer, videos)))
    row.tell(Figure("scoring: 290 videos", took, "s", at_most=2.0))


def golden(row: Row) -> None:
    """Tell how many of the published implementation's arrays the model agrees with."""
    if row.golden is None:
        sys.exit("give the folder of golden vectors with --golden")
    command = [sys.executable, "tests/golden/compare.py", str(row.golden)]
    command += ["--device", row.device.type]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    print(done.stdout, file=sys.stderr)
    found = re.search(r"(\d+) comparisons, (\d+) disagree", done.stdout)
    if found is None:
        sys.exit(done.stderr)
    row.tell(Figure("golden: comparisons in float32", float(found[1]), ""))
    row.tell(Figure("golden: disagreements in float32", float(found[2]), "", at_most=0))
