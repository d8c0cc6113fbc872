"""A folder of golden vectors: its arrays, the random source they came from, and the verdicts.

`SPEC.md` in such a folder says how every weight and input is made; this module follows its
sections 1 to 3.
"""

import json
import sys
import zlib
from pathlib import Path

import numpy as np
import torch


class GoldenSet:
    """The files of one folder. Every array handed out is remembered, so that none is forgotten."""

    def __init__(self, folder: Path, prefix: str, data: Path, device: str = "cpu"):
        self.device = device
        self.folder = folder
        self.prefix = prefix
        self.data = data
        self.archives = {}
        self.used = set()

    def random(self, name):
        """Return a fresh generator for ``name``."""
        return np.random.default_rng(zlib.crc32((self.prefix + name).encode()))

    def json(self, file):
        return json.loads((self.folder / f"{file}.json").read_text())

    def names(self, archive):
        """Return the names of all arrays of an archive."""
        if archive not in self.archives:
            with np.load(self.folder / f"{archive}.npz") as arrays:
                self.archives[archive] = dict(arrays)
        return list(self.archives[archive])

    def array(self, archive, name):
        """Return one array; KeyError names what is missing."""
        if name not in self.names(archive):
            raise KeyError(f"{archive}.npz has no array {name}")
        self.used.add((archive, name))
        return self.archives[archive][name]

    def unused(self):
        """Return every array that was never asked for."""
        all_names = {(a, name) for a in self.archives for name in self.archives[a]}
        return sorted(all_names - self.used)

    def video(self, name, segments, width):
        """Return the made-up features of one video."""
        draw = self.random(name).standard_normal((segments + 1, width))
        x = draw[1]
        rows = [x]
        for noise in draw[2:]:
            x = 0.9 * x + np.sqrt(1 - 0.9 * 0.9) * noise
            rows.append(x)
        features = 0.8 * draw[0] + np.stack(rows)
        features *= 10 / np.linalg.norm(features, axis=1, keepdims=True)
        return features.astype(np.float32)

    def recreates_inputs(self, archive):
        """Say whether the prefix is the one that the golden inputs were drawn with."""
        if not (self.folder / f"{archive}.npz").is_file():
            return False
        check, lengths = self.array(archive, "input_check"), self.array(archive, "lengths")
        width = self.array(archive, "video_features").shape[-1]
        first = self.video(f"input:{archive}:0", lengths[0], width)
        return np.array_equal(first[0, :8], check[0, 0])

    def published_state(self, table):
        """Return the made-up checkpoint of a parameter table, without what takes no part."""
        state = {}
        for name, entry in table.items():
            if entry["role"] != "unused":
                draw = self.random(name).standard_normal(entry["shape"])
                value = (entry["offset"] + entry["scale"] * draw).astype(np.float32)
                state[name] = torch.from_numpy(value)
        return state


def as_array(values):
    """Return an array of whatever holds values, on whatever device."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
    return np.asarray(values)


class Report:
    """Writes one line a comparison and counts those that disagree."""

    def __init__(self):
        self.compared = 0
        self.wrong = 0

    def close(self, name, ours, golden, absolute, *, quiet=False):
        """Compare two arrays to an absolute tolerance; the shapes have to agree."""
        ours, golden = as_array(ours), np.asarray(golden)
        if ours.shape != golden.shape:
            self.verdict(name, ok=False, detail=f"shape {ours.shape}, expected {golden.shape}")
            return
        ours, golden = ours.astype(np.float64), golden.astype(np.float64)
        gap = np.abs(ours - golden)
        worst = float(gap.max()) if gap.size else 0.0
        relative = float((gap / np.maximum(np.abs(golden), 1e-12)).max()) if gap.size else 0.0
        self.verdict(
            name,
            ok=worst <= absolute,  # False for NaN
            detail=f"{golden.shape!s:16} absolute {worst:8.1e} (of {absolute:.0e}) "
            f"relative {relative:8.1e}",
            quiet=quiet,
        )

    def equal(self, name, ours, golden):
        """Compare two arrays exactly, dtypes included."""
        ours, golden = as_array(ours), np.asarray(golden)
        same = ours.dtype == golden.dtype and np.array_equal(ours, golden)
        detail = f"{golden.shape!s:16} exact, {golden.dtype}"
        self.verdict(name, ok=same, detail=detail if same else f"{detail}; got {ours.dtype}")

    def verdict(self, name, *, ok, detail, quiet=False):
        """Count one comparison; a quiet one is only printed when it disagrees."""
        self.compared += 1
        self.wrong += not ok
        if not (ok and quiet):
            sys.stdout.write(f"{'agrees' if ok else 'DISAGREES':10} {name:44} {detail}\n")
