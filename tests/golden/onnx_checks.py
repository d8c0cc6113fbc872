"""The scorer as an ONNX program against the golden scores: ``compare.py FOLDER --onnx``."""

import tempfile
from pathlib import Path

import numpy as np
import torch

from model.checkpoint import Checkpoint, Provenance
from model.heads.segment_scorer import Temperatures
from model.training.data import split_windows
from pipeline.stages.onnx_programs import open_program, write_scorer


def check(golden, report, case):
    """Score every test video with the program that an export would write."""
    scorer = case.model.eval().scorer(Temperatures(case.training.temperature))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scorer.onnx"
        write_scorer(path, scorer, as_checkpoint(case, scorer))
        program = open_program(path)
    found = {"prob1": [], "class_probs": []}
    for index, segments in enumerate(golden.array(case.name, "test_lengths")):
        video = golden.video(f"test:{case.name}:{index}", segments, case.config.width)
        windows, lengths = split_windows(video, case.config.window)
        inputs = {"features": windows.astype(np.float32), "lengths": lengths}
        score, probabilities = program.run(None, inputs)
        found["prob1"].append(score.reshape(-1)[:segments])
        found["class_probs"].append(probabilities.reshape(-1, case.config.classes)[:segments])
    for name, values in found.items():
        expected = golden.array(case.name, f"test_{name}")
        report.close(f"{case.name}/onnx test_{name}", np.concatenate(values), expected, 1e-4)


def as_checkpoint(case, scorer):
    classes = tuple(f"class {number}" for number in range(case.config.classes))
    return Checkpoint(
        head=case.checks.__name__.removesuffix("_checks"),
        model=case.config,
        training=case.training,
        provenance=Provenance(
            dataset=case.name,
            classes=classes,
            prompts=(),
            test_crop=0,
            recipe="{}",
            recipe_fingerprint="",
            clip_weights="",
            protocol="published",
        ),
        metrics={},
        state={},
        text=torch.clone(scorer.text),
    )
