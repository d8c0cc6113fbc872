import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipeline.engine import guard

HOLDING = (
    "import sys, time; file = open(sys.argv[1], sys.argv[2]); print(flush=True); time.sleep(600)"
)


@pytest.fixture
def holders(tmp_path):
    """Processes that hold a file open: one below the folder for writing, others not."""
    folder, beside = tmp_path / "folder", tmp_path / "folder2"
    for each in (folder, beside):
        each.mkdir()
        (each / "log").touch()
    held = {"writes": (folder, "a"), "reads": (folder, "r"), "writes beside it": (beside, "a")}
    started = {
        name: subprocess.Popen(
            [sys.executable, "-c", HOLDING, str(place / "log"), mode], stdout=subprocess.PIPE
        )
        for name, (place, mode) in held.items()
    }
    for each in started.values():
        each.stdout.readline()
    yield folder, started
    for each in started.values():
        each.kill()
        each.communicate()


def test_what_writes_to_the_folder_ends_with_the_command_and_readers_do_not(holders):
    folder, started = holders
    reader, writer = os.pipe()
    run = subprocess.run(
        [sys.executable, "-I", "-S", guard.__file__, str(folder), str(os.getpid())],
        stdin=reader,
        check=False,
    )
    assert run.returncode == 0
    os.close(reader)
    time.sleep(0.5)
    assert folder.is_dir()
    os.close(writer)
    assert started["writes"].wait(20) == -9
    over = time.monotonic() + 20
    while folder.exists() and time.monotonic() < over:
        time.sleep(0.05)
    assert not folder.exists()
    assert [started[name].poll() for name in ("reads", "writes beside it")] == [None, None]


def test_a_command_that_put_its_folder_away_lives_on_though_it_has_a_file_of_it_open(tmp_path):
    """As Ray's logs are in a process that ran a stage and does something else then."""
    code = (
        "import time\n"
        "from pipeline.engine.session import private_folder\n"
        "with private_folder() as folder:\n"
        "    log = open(folder / 'log', 'w')\n"
        "time.sleep(2)\n"
    )
    environment = os.environ | {"RAY_TMPDIR": str(tmp_path)}
    root = Path(guard.__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, check=False)
    assert run.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_it_ends_where_there_is_nothing_to_put_away(tmp_path):
    command = [sys.executable, "-I", "-S", guard.__file__, str(tmp_path / "gone"), "1"]
    subprocess.run(command, stdin=subprocess.DEVNULL, check=True)
    over = time.monotonic() + 20
    while any(command[4] in (p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"])):
        assert time.monotonic() < over
        time.sleep(0.05)


DEAF = """
from pipeline.engine.session import private_folder
from pipeline.signals import run

def program():
    with private_folder() as folder:
        print(folder.parent, flush=True)
        sum(range(10**12))

run(program)
"""


@pytest.mark.slow
def test_a_command_whose_native_code_holds_pythons_lock_already_is_ended_by_a_signal(tmp_path):
    """Nothing of the command can run then, not even what sets its own alarm."""
    run = subprocess.Popen(
        [sys.executable, "-c", DEAF],
        cwd=Path(guard.__file__).parents[2],
        env=os.environ | {"RAY_TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    folder = Path(run.stdout.readline().strip())
    time.sleep(0.5)
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=30)
    assert run.returncode == -signal.SIGALRM
    over = time.monotonic() + 20
    while folder.exists() and time.monotonic() < over:
        time.sleep(0.05)
    assert not folder.exists()
