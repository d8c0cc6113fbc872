import subprocess
import sys

import pytest

from pipeline.cli import parse
from pipeline.settings import ScoreRun


def call(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["extract", "--dataset", "ufc"], "unknown data set 'ufc'; there are folder, synthetic"),
        (["extract", "--dataset", "ucf"], "data set ucf needs ROOT"),
        (["extract", "--dataset", "ucf", "--root", "gone"], "no such folder: gone"),
        (["extract", "--dataset", "folder", "--root", "empty"], "no video below empty"),
        (["extract", "--datset", "ucf"], "perhaps you meant --dataset"),
        (["extract", "--batch", "many"], "--batch"),
        (["extrakt"], "extrakt"),
        (["train", "--protocol", "papr"], "invalid choice 'papr'"),
        (["score", "--videos", "empty"], "--checkpoint"),
        (["score", "--videos", "empty", "--checkpoint", "gone"], "no checkpoint at gone"),
        (["evaluate"], "no checkpoint below outputs"),
        (["report"], "no scores below outputs"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments, said, tmp_path):
    (tmp_path / "empty").mkdir()
    ended = call(*arguments, cwd=tmp_path)
    assert ended.returncode == 2, ended.stderr
    assert said in ended.stderr
    assert ended.stderr.startswith("error: ")
    assert ended.stderr.count("\n") == 1
    assert ended.stdout == ""


@pytest.mark.parametrize("command", [[], ["extract"], ["train"], ["score"], ["demo"]])
def test_help_explains_and_imports_nothing_heavy(command, tmp_path):
    code = (
        "import sys; from pipeline.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as ended: assert ended.code == 0\n"
        "heavy = {'torch', 'ray', 'pyarrow', 'h5py', 'cv2', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, *command, "--help"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert ended.returncode == 0, ended.stderr
    assert "usage: python -m pipeline" in ended.stdout


def test_options_reach_the_settings():
    run = parse(["score", "--videos", "v", "--checkpoint", "c", "--threshold", "0.7"])
    assert isinstance(run, ScoreRun)
    assert (run.threshold, run.retry_failed) == (0.7, False)
