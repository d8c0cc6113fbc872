import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from extract.container import DecodeError
from extract.killable import killable
from extract.mp4 import write_proxy
from extract.stills import read_stills
from stores.records import StoreError

ROOT = Path(__file__).parents[2]


def own_process(_):
    return os.getpid()


def spin(_):
    """Stay in native code with the GIL held, for years: a pattern that backtracks."""
    re.match(r"(a+)+$", "a" * 64 + "b")


def crash(_):
    ctypes.string_at(0)


def leave(_):
    os._exit(7)


def stop(_):
    os.kill(os.getpid(), signal.SIGSTOP)


def answer_late(path):
    time.sleep(1.0)
    return path


def refuse(path, reason):
    raise StoreError(f"{path}: {reason}")


@pytest.fixture
def video(write_video):
    return write_video()


def test_pictures_are_those_that_are_read_here(video):
    there = killable(read_stills, video, (0.1, 0.5), 60)
    here = read_stills(video, (0.1, 0.5), 60)
    assert len(there) == len(here) == 2
    for one, other in zip(there, here, strict=True):
        np.testing.assert_array_equal(one, other)


def test_one_process_makes_one_call_after_another_and_errors_are_the_functions_own():
    first = killable(own_process, "a")
    assert first != os.getpid()
    with pytest.raises(StoreError, match=r"^a: so it is$"):
        killable(refuse, "a", "so it is")
    with pytest.raises(DecodeError, match="no such file"):
        killable(read_stills, "/gone.mp4", (0.0,), 60)
    assert killable(own_process, "a") == first


def test_a_file_that_cannot_be_written_is_an_error_of_the_system(video):
    with pytest.raises(OSError, match="No space left on device"):
        killable(write_proxy, video, Path("/dev/full"))


FAULTS = {
    spin: r"^a\.mp4: no answer within 1 s; decoder killed$",
    stop: r"^a\.mp4: no answer within 1 s; decoder killed$",
    crash: r"^a\.mp4: the decoder died \(signal 11\)$",
    leave: r"^a\.mp4: the decoder died \(exit code 7\)$",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_call_that_hangs_or_crashes_costs_its_result_alone(fault):
    before = killable(own_process, "a")
    with pytest.raises(DecodeError, match=FAULTS[fault]):
        killable(fault, "a.mp4", deadline=1.0)
    assert not psutil.pid_exists(before)
    assert killable(own_process, "a") != before


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_what_a_forked_process_asked_for_answers_nobody_else():
    before = killable(own_process, "a")
    child = os.fork()
    if not child:
        threading.Timer(0.3, os._exit, (0,)).start()
        killable(answer_late, "theirs")
    os.waitpid(child, 0)
    assert killable(answer_late, "ours") == "ours"
    assert killable(own_process, "a") == before


@pytest.mark.skipif(sys.platform != "linux", reason="a pipe wakes nobody elsewhere")
def test_a_process_that_hangs_goes_with_its_owner_however_that_ends():
    program = (
        "import re\n"
        "from extract.killable import killable\n"
        "killable(re.match, '(a+)+$', 'a' * 64 + 'b', deadline=600)"
    )
    owner = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    while not (below := psutil.Process(owner.pid).children()):
        time.sleep(0.02)
    time.sleep(1.0)  # until it spins, or else until it waits for its call
    owner.kill()
    owner.wait()
    below[0].wait(timeout=60)
