import os
import subprocess
import sys

import pytest

from pipeline.cli import main, parse
from pipeline.commands.score import ScoreRun

GONE = ["--videos", "empty", "--checkpoint", "gone"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["extract", "--dataset", "ufc"],
            "unknown data set 'ufc'; there are custom, folder, msad, sht, synthetic, tad, ucf, xd",
        ),
        (["extract", "--dataset", "ucf"], "data set ucf needs ROOT"),
        (["extract", "--dataset", "ucf", "--root", "gone"], "no such folder: gone"),
        (["extract", "--dataset", "folder", "--root", "empty"], "no video below empty"),
        (["extract", "--datset", "ucf"], "perhaps you meant --dataset"),
        (["extract", "--batch", "many"], "--batch"),
        (["extract", "--batch", "0"], "--batch has to be above 0, got 0"),
        (["extract", "--workers", "0"], "--workers has to be above 0, got 0"),
        (["extract", "--videos-per-shard", "-1"], "--videos-per-shard has to be above 0, got -1"),
        (["train", "--epochs", "0"], "--epochs has to be above 0, got 0"),
        (["train", "--seeds", "1,x"], "got seeds '1,x', expected different numbers as in 1,2,3"),
        (["ablate", "--seeds", ""], "got seeds '', expected different numbers as in 1,2,3"),
        (["import-features", "gone", "--dataset", "ucf"], "no such folder: gone"),
        (["import-checkpoint", "gone.pth", "--dataset", "ucf"], "gone.pth cannot be read"),
        (["verify", "empty"], "no features, scores or checkpoints below empty"),
        (["failures", "gone"], "no such folder: gone"),
        (["check-data", "gone", "--dataset", "ucf"], "no such folder: gone"),
        (["extrakt"], "no command 'extrakt'; perhaps extract"),
        (["trian", "--epochs", "3"], "no command 'trian'; perhaps train"),
        (["frobnicate"], "no command 'frobnicate'; perhaps one of demo, check-data, match-feat"),
        (["score", "--vidoes", "x"], "score has no option --vidoes; perhaps you meant --videos"),
        (["score", "--videos-per-prat=3"], "perhaps you meant --videos-per-part"),
        (["extract", "--bach", "3"], "extract has no option --bach; perhaps you meant --batch"),
        (
            ["watch", "--videos", "x", "--checkpoint", "c"],
            "watch has no option --videos; give folder by place, as in python -m pipeline watch FO",
        ),
        (["failures", "--no-such"], "failures has no option --no-such; give folder by place"),
        (["demo", "--zzz"], "demo has no option --zzz; see python -m pipeline demo --help"),
        (["score", "--no-report", "--videos_per_part", "3"], "Missing from"),
        (["train", "--protocol", "papr"], "invalid choice 'papr'"),
        (["score", "--videos", "empty"], "--checkpoint"),
        (["score", "--videos", "empty", "--checkpoint", "gone"], "no checkpoint at gone"),
        (["evaluate"], "no checkpoint below outputs"),
        (["report"], "no scores below outputs"),
        (["plot", "a.mp4"], "no scores below outputs"),
        (["clip", "gone"], "no scores in gone; run `make score`"),
        (["clip", "gone", "--peek", "0.8"], "clip has no option --peek; perhaps you meant --peak"),
        (["plot", "a.mp4", "--overlay", "a.avi"], "--overlay writes MP4"),
        (["calibrate"], "no checkpoint below outputs"),
        (["calibrate", "--recall", "80"], "--recall has to be from 0 to 1, got 80"),
        (["watch", "empty", "--checkpoint", "gone"], "no checkpoint at gone"),
        (["watch", "empty", "--checkpoint", "gone", "--poll", "0"], "--poll has to be above 0"),
        (["score", *GONE, "--threshold", "5"], "--threshold has to be from 0 to 1, got 5"),
        (["score", *GONE, "--threshold", "nan"], "--threshold has to be from 0 to 1, got nan"),
        (["extract", "--deadline", "nan"], "--deadline has to be above 0, got nan"),
        (["check-data", "empty", "--rate", "nan"], "--rate has to be above 0, got nan"),
        (["check-data", "empty", "--rate", "-3"], "--rate has to be above 0, got -3"),
        (["match-features", "a", "b", "--rows", "0"], "--rows has to be above 0, got 0"),
        (["calibrate", "--false-alarms-per-hour", "inf"], "--false-alarms-per-hour has to be at m"),
        (["calibrate", "--false-alarms-per-hour", "-1"], "--false-alarms-per-hour has to be 0 or "),
        (["calibrate", "--minimum-frames", "0"], "--minimum-frames has to be above 0, got 0"),
        (["train", "--name", "../x"], "--name '../x' is no plain name; use letters"),
        (["train", "--name", "/tmp/x"], "--name '/tmp/x' is no plain name"),
        (["train", "--name", ""], "--name '' is no plain name"),
        (["train", "--name", "features"], "--name features is the folder of something else"),
        (["train", "--name", "..", "--seeds", "1,2"], "--name '..' is no plain name"),
        (["train", "--seed", "-1"], "--seed has to be 0 or more, got -1"),
        (["train", "--seeds", "-1,2"], "got seeds '-1,2', expected different numbers as in 1,2,3"),
        (["train", "--seeds", "1" * 30], "expected different numbers as in 1,2,3"),
        (["import-features", "a", "--dataset", "ucf", "--videos-per-shard", "0"], "--videos-per-s"),
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
        "heavy = {'torch', 'ray', 'pyarrow', 'h5py', 'cv2', 'numpy', 'matplotlib', 'rich'}\n"
        "heavy &= set(sys.modules)\n"
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
    assert (run.events.threshold, run.reading.retry_failed) == (0.7, False)


def test_help_into_a_pipe_that_closes_ends_quietly(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "-m", "pipeline", "extract", "--help"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, "")
