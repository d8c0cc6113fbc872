"""The choice of a batch, with a stand-in of a device: real time, real torch, no GPU."""

import time
from dataclasses import replace

import pytest
import torch

from extract.batch_size import BatchChoice, WithinMemory, choose_batch, kept_choice
from extract.recipe import RECIPES

CPU = torch.device("cpu")
ONE = RECIPES["squash"]
TEN = RECIPES["vadclip"]


def device(seconds=lambda images: 0.0, *, fits=10**9, crops=1):
    """Return a program that takes so many seconds for some images, and its calls."""
    calls = []

    def program(frames):
        images = len(frames) * crops
        calls.append(images)
        if images > fits:
            raise torch.OutOfMemoryError("CUDA out of memory")
        time.sleep(seconds(images))
        return torch.zeros(len(frames), crops, 4)

    return program, calls


def test_the_smallest_batch_near_the_best_rate_is_taken():
    program, _ = device(lambda images: 0.004)  # the larger, the better
    assert choose_batch(program, CPU, ONE, sizes=(2, 4, 8), seconds=0.05).images == 8
    program, _ = device(lambda images: 0.001 * images**2)  # the larger, the worse
    assert choose_batch(program, CPU, ONE, sizes=(4, 8, 16), seconds=0.05).images == 4


def test_the_choice_ends_where_memory_does():
    program, calls = device(lambda images: 0.004, fits=40, crops=10)
    choice = choose_batch(program, CPU, TEN, sizes=(20, 40, 80, 160), seconds=0.02)
    assert choice.images == 40
    assert max(calls) == 80
    with pytest.raises(torch.OutOfMemoryError):
        choose_batch(device(fits=1)[0], CPU, ONE, sizes=(2, 4))


def test_a_choice_is_kept_for_its_device_model_and_precision(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = iter(BatchChoice(size, 1.0) for size in (1, 2, 3, 4))
    assert kept_choice(lambda: next(made), CPU, ONE).images == 1
    assert kept_choice(lambda: next(made), CPU, ONE).images == 1
    assert kept_choice(lambda: next(made), CPU, replace(ONE, precision="bf16")).images == 2
    (kept, _) = sorted(
        (tmp_path / "cache" / "dsanet").iterdir(), key=lambda path: path.stat().st_mtime_ns
    )
    kept.write_text("{")
    assert kept_choice(lambda: next(made), CPU, ONE).images == 3  # damaged: made anew
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert kept_choice(lambda: next(made), CPU, ONE).images == 4  # nowhere to be kept


def frames(count):
    return torch.zeros(count, 2, 2, 3, dtype=torch.uint8)


def test_short_memory_halves_the_batch_once_and_is_told():
    said = []
    program, calls = device(fits=4)
    within = WithinMemory(program, said.append)
    for count in (4, 7, 8):
        assert within(frames(count)).shape == (count, 1, 4)
    assert calls == [4, 7, 4, 3, 4, 4]
    assert said == ["out of memory with 7 frames at once; from here on half as many"]
    with pytest.raises(torch.OutOfMemoryError):
        within(frames(10))
