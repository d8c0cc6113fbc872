"""What a row of the run on a GPU is measured with."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch
from measuring import Figure


class Row:
    """What a row is measured on, and how large."""

    def __init__(self, device: str, quick: bool, golden: Path | None) -> None:
        self.device = torch.device(device)
        self.quick = quick
        self.golden = golden

    def tell(self, figure: Figure) -> None:
        """Print a figure for whoever runs the row."""
        print(json.dumps({"figure": asdict(figure)}), flush=True)

    def wait(self) -> None:
        """Wait for the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def seconds(self, call: Callable[[], object], rounds: int = 3, least: float = 0.3) -> float:
        """Return the median of some rounds, each of as many calls as take a moment."""
        call()
        self.wait()
        found = []
        for _ in range(1 if self.quick else rounds):
            calls, begun = 0, time.perf_counter()
            while not calls or (time.perf_counter() - begun < least and not self.quick):
                call()
                calls += 1
                if calls % 4 == 0:
                    self.wait()
            self.wait()
            found.append((time.perf_counter() - begun) / calls)
        return statistics.median(found)

    @contextmanager
    def memory(self, name: str) -> Iterator[None]:
        """Tell the most memory that the block took of the GPU."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        yield
        if self.device.type == "cuda":
            gib = torch.cuda.max_memory_allocated() / 2**30
            self.tell(Figure(f"{name}: peak memory of the GPU", gib, "GiB"))
