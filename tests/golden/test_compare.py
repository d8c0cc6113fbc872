"""Agreement with the numbers of the authors' implementation."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMPARE = Path(__file__).with_name("compare.py")


def compare(folder, *options):
    # One thread: on a busy machine several wait for one another many times longer than they work.
    return subprocess.run(
        [sys.executable, COMPARE, folder, *options],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("head", ["public", "vadclip"])
def test_a_head_agrees_with_the_golden_vectors(head):
    folder = COMPARE.parents[2].parent / "shared" / "golden" / head
    if not folder.is_dir():
        pytest.skip(f"golden vectors are not at {folder}")
    finished = compare(folder)
    wrong = [line for line in finished.stdout.splitlines() if not line.startswith("agrees")]
    assert finished.returncode == 0, "\n".join([*wrong, finished.stderr])


@pytest.mark.data
@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("head", ["public", "vadclip"])
def test_a_scorer_as_onnx_agrees_with_the_golden_scores(head):
    pytest.importorskip("onnxruntime", reason="comes with the extra `onnx`")
    folder = COMPARE.parents[2].parent / "shared" / "golden" / head
    if not folder.is_dir():
        pytest.skip(f"golden vectors are not at {folder}")
    finished = compare(folder, "--onnx")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert finished.stdout.count("/onnx test_") == 4


@pytest.mark.slow
def test_a_folder_without_the_expected_arrays_is_refused(tmp_path):
    folder = tmp_path / "golden" / "empty"
    folder.mkdir(parents=True)
    finished = compare(folder)
    assert finished.returncode == 1
    assert "missing" in finished.stdout
