import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pipeline.engine.compile import compiled

CHECKS = Path(__file__).with_name("compiled_checks.py")


# Traced alone by default, which finds every operation that cannot be compiled.
@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.long)])
def test_what_is_compiled_agrees_with_what_is_not(backend):
    done = subprocess.run([sys.executable, CHECKS, backend], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["step", "scorer", "frames"]


def test_what_cannot_be_compiled_is_one_sentence(monkeypatch):
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", (None, "no-such-compiler"))
    with pytest.raises(ValueError, match=r"--compile failed: .*needs a C\+\+ compiler"):
        compiled(lambda x: x.sin() + 1, torch.device("cpu"))(torch.ones(8))
