import os
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from pipeline.engine.session import (
    OwnServers,
    answers,
    private_folder,
    require_usable_machine,
    watched,
)

ROOT = Path(__file__).parents[3]
NOBODY = 65534


@pytest.fixture(autouse=True)
def place(tmp_path_factory, monkeypatch) -> Path:
    """A short folder in which Ray's may lie."""
    place = Path(f"/tmp/t-{os.getpid()}")
    place.mkdir()
    monkeypatch.setenv("RAY_TMPDIR", str(place))
    yield place
    for folder in place.iterdir():
        folder.rmdir()
    place.rmdir()


def test_the_folder_is_for_this_user_alone_and_goes_at_the_end(place):
    with private_folder() as folder:
        (folder / "log").write_text("what a video is called")
        (outer,) = place.iterdir()
        assert stat.S_IMODE(outer.stat().st_mode) == 0o700
        assert folder.parent == outer
    assert list(place.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_cannot_enter(place):
    place.chmod(0o777)
    with private_folder() as folder:
        folder.chmod(0o777)  # as Ray does
        (folder / "log").write_text("what a video is called")
        code = f"import os; os.setuid({NOBODY}); open({str(folder / 'log')!r})"
        ended = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
    assert "PermissionError" in ended.stderr


def test_folders_of_killed_runs_are_cleared_and_those_of_others_are_not(place):
    code = (
        "from pipeline.engine.session import private_folder\n"
        "with private_folder() as folder:\n"
        "    (folder / 'log').touch(); print(folder, flush=True); input()"
    )
    alive, killed = (
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for _ in range(2)
    )
    theirs, left = (Path(run.stdout.readline().strip()) for run in (alive, killed))
    for process in psutil.process_iter(["cmdline"]):  # what else would put it away
        if str(left.parent) in (process.info["cmdline"] or ()):
            process.kill()
    killed.kill()
    killed.communicate()
    assert left.is_dir()
    with private_folder() as ours:
        assert theirs.is_dir()
        assert ours.is_dir()
        assert not left.exists()
    alive.communicate("\n")
    assert not theirs.exists()


def test_a_block_that_takes_a_loss_for_ctrl_c_does_not_pass_for_done():
    with (
        pytest.raises(ConnectionError, match="Ray is gone"),
        watched(lambda: False, patience=0.0),
        suppress(KeyboardInterrupt),
    ):
        time.sleep(600)


@pytest.mark.parametrize(
    "unfit", ["/gone", "relative", f"/tmp/{'long' * 30}", "/tmp/\udce9", "/etc/hostname", "/proc"]
)
def test_a_place_that_will_not_do_is_passed_over(unfit, monkeypatch):
    monkeypatch.setenv("RAY_TMPDIR", unfit)
    with private_folder() as folder:
        assert not str(folder).startswith(unfit)


def test_where_no_place_will_do_each_is_named_with_its_reason(monkeypatch):
    monkeypatch.setattr("pipeline.engine.session.PLACES", ("/gone", f"/tmp/{'long' * 30}"))
    monkeypatch.delenv("RAY_TMPDIR")
    monkeypatch.delenv("TMPDIR", raising=False)
    with pytest.raises(ConnectionError) as raised, private_folder():
        pass
    assert str(raised.value).startswith(
        "there is no folder for Ray's sockets: /gone (No such file or directory), /tmp/longlong"
    )
    assert "bytes too long); set RAY_TMPDIR" in str(raised.value)


def test_a_block_ends_when_ray_is_gone_and_not_before():
    asked = []

    def is_alive():
        asked.append(None)
        return len(asked) != 2 and len(asked) < 4

    with pytest.raises(ConnectionError, match="Ray is gone"), watched(is_alive, patience=0.5):
        time.sleep(600)
    assert len(asked) > 4
    with watched(lambda: True, patience=0.0):
        time.sleep(0.6)


def test_what_a_library_makes_of_a_loss_is_told_as_the_loss():
    def library():
        try:
            time.sleep(600)
        except KeyboardInterrupt:
            raise ValueError("a library's own error") from None

    with pytest.raises(ConnectionError, match="Ray is gone"), watched(lambda: False, patience=0.0):
        library()


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_a_server_that_ended_is_missed_buried_or_not(tmp_path):
    (tmp_path / "raylet").symlink_to("/bin/sleep")
    servers = OwnServers()
    assert servers()
    raylet = subprocess.Popen([tmp_path / "raylet", "600"])
    while not servers.seen:
        assert servers()
    raylet.kill()
    while servers():
        time.sleep(0.01)
    raylet.wait()
    assert not servers()


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_servers_of_a_ray_before_that_are_still_ending_are_not_missed(tmp_path):
    """Whoever extracts and then scores was told that Ray was killed while the first one ended."""
    (tmp_path / "raylet").symlink_to("/bin/sleep")
    with subprocess.Popen([tmp_path / "raylet", "600"]) as before:
        probe = OwnServers(_before=frozenset())
        while not probe.seen:  # its name comes with the exec
            assert probe()
        servers = OwnServers()
        assert servers()
        before.kill()
    assert servers()
    assert servers.seen == set()


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_what_a_server_starts_is_no_server_though_it_has_its_name_for_a_moment(tmp_path):
    """A child of the raylet is called raylet until it runs its own program."""
    (tmp_path / "raylet").symlink_to("/bin/sleep")
    servers = OwnServers()
    command = f"{tmp_path / 'raylet'} 600 & echo $!; wait"
    with subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE, text=True) as other:
        below = int(other.stdout.readline())
        while Path(f"/proc/{below}/comm").read_text() != "raylet\n":
            time.sleep(0.01)
        assert servers()
        assert servers.seen == set()
        os.kill(below, signal.SIGKILL)


def test_nothing_answers_where_nothing_or_something_else_listens():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert not answers(address)
    assert not answers(address)
    assert not answers("no-such-host.invalid:6379")


def test_a_folder_that_ray_cannot_start_in_is_named(tmp_path, monkeypatch):
    unnamed = tmp_path / "caf\udce9"
    unnamed.mkdir()
    monkeypatch.chdir(unnamed)
    with pytest.raises(ConnectionError, match="current folder is no UTF-8"):
        require_usable_machine()
    unnamed.rmdir()
    with pytest.raises(ConnectionError, match="current folder is gone"):
        require_usable_machine()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take the network away")
def test_a_machine_without_loopback_is_named():
    code = "from pipeline.engine.session import require_usable_machine; require_usable_machine()"
    ended = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert "ConnectionError: nothing can be reached at 127.0.0.1 (" in ended.stderr
