import subprocess
import sys

import pytest

from pipeline.cli import main, parse
from pipeline.settings import ScoreRun


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
def test_a_mistake_is_one_line_and_exit_code_2(arguments, said, tmp_path, monkeypatch, capsys):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    out, err = capsys.readouterr()
    assert ended.value.code == 2, err
    assert said in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert out == ""


@pytest.mark.slow
def test_a_mistake_of_a_process_of_its_own_says_the_same(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-m", "pipeline", "evaluate"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr == "error: no checkpoint below outputs; run `make train` first\n"
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
