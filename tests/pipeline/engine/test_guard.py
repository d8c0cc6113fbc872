import os
import subprocess
import sys
import time

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
        [sys.executable, "-I", "-S", guard.__file__, str(folder)], stdin=reader, check=False
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


def test_it_ends_where_there_is_nothing_to_put_away(tmp_path):
    command = [sys.executable, "-I", "-S", guard.__file__, str(tmp_path / "gone")]
    subprocess.run(command, stdin=subprocess.DEVNULL, check=True)
    over = time.monotonic() + 20
    while any(
        str(tmp_path) in " ".join(p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"])
    ):
        assert time.monotonic() < over
        time.sleep(0.05)
