import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
STAYS = "; what was committed stays, the same command goes on\n"
LINES = {
    signal.SIGINT: f"interrupted{STAYS}",
    signal.SIGTERM: f"ended by SIGTERM{STAYS}",
    signal.SIGHUP: f"ended by SIGHUP{STAYS}",
}
PROGRAM = """
import pipeline.signals as signals, re, subprocess, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

signals.GRACE, signals._LAST = 2.0, 4.0

class Finalised:
    def __del__(self):
        ready()
        time.sleep(1.0)

def ready():
    print("ready", flush=True)

def program():
    {}

signals.run(program)
"""
PROGRAMS = {
    "sleeps": "ready(); time.sleep(600)",
    "computes": "ready()\n    while True: sum(range(1000))",
    "reads": "ready(); sys.stdin.read()",
    "finalises, which swallows exceptions": "Finalised(); time.sleep(600)",
    "swallows them": "try: ready(); time.sleep(600)\n    except BaseException: time.sleep(600)",
    "turns them into another": (
        "try: ready(); time.sleep(600)\n    except BaseException: raise ImportError('numpy')"
    ),
    "waits for a thread": (
        "pool = ThreadPoolExecutor()\n"
        "    with pool: pool.submit(time.sleep, 600); ready(); time.sleep(600)"
    ),
    "leaves a thread": "threading.Thread(target=time.sleep, args=[600]).start(); ready(); input()",
}


@pytest.fixture(autouse=True)
def hangups_are_heard():
    """Also where the tests run under nohup, whose children ignore them."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def start(program: str, *prefix: str) -> subprocess.Popen[str]:
    """Start a program and wait until it says that it is ready."""
    run = subprocess.Popen(
        [*prefix, sys.executable, "-c", PROGRAM.format(program)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stdout.readline() == "ready\n", run.communicate()
    return run


def ended(run: subprocess.Popen[str]) -> tuple[int, str]:
    _, error = run.communicate(timeout=60)
    return run.returncode, error


@pytest.mark.parametrize("number", LINES, ids=lambda number: number.name)
@pytest.mark.parametrize("program", ["sleeps", "swallows them"])
def test_a_signal_is_one_line_and_its_exit_code(number, program):
    run = start(PROGRAMS[program])
    run.send_signal(number)
    assert ended(run) == (128 + number, LINES[number])


@pytest.mark.parametrize("program", PROGRAMS)
def test_whatever_a_program_does_a_signal_ends_it(program):
    run = start(PROGRAMS[program])
    run.send_signal(signal.SIGTERM)
    assert ended(run) == (143, LINES[signal.SIGTERM])


def test_native_code_that_holds_pythons_lock_does_not_outlive_a_signal():
    run = start("try: ready(); input()\n    finally: re.match('(a+)+$', 64 * 'a' + 'b')")
    run.send_signal(signal.SIGTERM)
    assert ended(run) == (-signal.SIGALRM, "")


def test_a_second_signal_ends_it_before_its_time():
    run = start("signals.GRACE = 600\n    try: ready(); input()\n    finally: time.sleep(600)")
    run.send_signal(signal.SIGTERM)
    time.sleep(1.0)
    run.send_signal(signal.SIGINT)
    assert ended(run) == (143, LINES[signal.SIGTERM])


def test_a_signal_that_comes_twice_at_once_is_one():
    run = start("try: ready(); input()\n    finally: time.sleep(0.4); print('put away')")
    for _ in range(2):
        run.send_signal(signal.SIGTERM)
        time.sleep(0.1)
    output, error = run.communicate(timeout=60)
    assert (run.returncode, output, error) == (143, "put away\n", LINES[signal.SIGTERM])


def test_a_signal_that_was_ignored_stays_ignored():
    run = start("ready(); input(); ready(); input()", "nohup")
    run.send_signal(signal.SIGHUP)
    run.stdin.write("\n")
    run.stdin.flush()
    assert run.stdout.readline() == "ready\n"
    run.send_signal(signal.SIGTERM)
    code, error = ended(run)
    assert code == 143
    assert error.endswith(LINES[signal.SIGTERM])


def test_its_folders_and_processes_go_with_it_however_it_ends(tmp_path):
    folder, child = tmp_path / "folder", "[sys.executable, '-c', 'import time; time.sleep(600)']"
    run = start(
        f"subprocess.Popen({child})\n"
        f"    with signals.removed_at_the_end(Path({str(folder)!r})):\n"
        f"        Path({str(folder)!r}).mkdir()\n"
        "        try: ready(); input()\n"
        "        finally: time.sleep(600)"
    )
    (below,) = psutil.Process(run.pid).children()
    run.send_signal(signal.SIGTERM)
    assert ended(run) == (143, LINES[signal.SIGTERM])
    assert not folder.exists()
    below.wait(timeout=60)


def test_folders_that_are_made_meanwhile_keep_nothing_from_ending(tmp_path):
    folder = tmp_path / "folder"
    run = start(
        "held = []\n"
        "    def make_more():\n"
        "        for number in range(100_000):\n"
        f"            each = Path({str(folder)!r}, str(number))\n"
        "            held.append(signals.removed_at_the_end(each))\n"
        "            held[-1].__enter__()\n"
        "            time.sleep(0.001)\n"
        f"    with signals.removed_at_the_end(Path({str(folder)!r})):\n"
        f"        for each in range(200): Path({str(folder)!r}, str(each)).mkdir(parents=True)\n"
        "        threading.Thread(target=make_more, daemon=True).start()\n"
        "        try: ready(); input()\n"
        "        finally: time.sleep(600)"
    )
    run.send_signal(signal.SIGTERM)
    assert ended(run) == (143, LINES[signal.SIGTERM])
    assert not folder.exists()


def test_what_a_command_returns_is_its_exit_code_after_a_signal_too():
    run = start("try: ready(); input()\n    except KeyboardInterrupt: sys.exit(0)")
    run.send_signal(signal.SIGTERM)
    assert ended(run) == (0, "")


@pytest.mark.parametrize("moment", [0.3, 0.6, 0.9, 1.2, 1.5])
def test_a_command_that_only_begins_ends_likewise(moment, tmp_path):
    run = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "watch", tmp_path, "--checkpoint", tmp_path],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    time.sleep(moment)
    run.send_signal(signal.SIGTERM)
    code, error = ended(run)
    assert code in (143, 2, -signal.SIGTERM)  # it may be over already, or Python not yet begun
    assert error.count("\n") == (code > 0)
