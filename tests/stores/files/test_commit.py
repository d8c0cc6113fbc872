import errno
import fcntl
import os
import signal
import subprocess
import sys

import pytest

from stores.files import commit
from stores.files.commit import commit_bytes, commit_text, committing, exclusive, refuse_links
from stores.records import StoreError


def test_commit_replaces_the_whole_file_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "deep" / "file.json"
    commit_text(path, "one")
    commit_bytes(path, b"two")
    assert path.read_text() == "two"
    assert [p.name for p in path.parent.iterdir()] == ["file.json"]


def test_a_block_that_fails_leaves_the_old_content(tmp_path):
    path = tmp_path / "file"
    commit_text(path, "old")

    def fail_half_way():
        with committing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_path_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot write .*file/shard"):
        commit_text(tmp_path / "file" / "shard", "x")


HOLD = (
    "import sys, time; from pathlib import Path\n"
    "from stores.files.commit import committing, exclusive\n"
)


def started(body, *arguments):
    """A Python that runs ``body`` and then waits, once it has said that it is there."""
    command = [sys.executable, "-c", HOLD + body, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "there\n"
    return process


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


HOLDING = "with exclusive(Path(sys.argv[1])): print('there', flush=True); time.sleep(99)"


@pytest.mark.parametrize("locks", ["", "soft"])
def test_a_folder_has_one_holder_and_a_killed_one_does_not_keep_it(tmp_path, monkeypatch, locks):
    monkeypatch.setenv(commit.LOCKS, locks)
    first = started(HOLDING, tmp_path)
    with pytest.raises(StoreError, match="is in use by another run"), exclusive(tmp_path):
        pass
    kill(first)
    with exclusive(tmp_path), pytest.raises(StoreError, match="in use"), exclusive(tmp_path):
        pass


def test_a_soft_lock_of_another_machine_stays_and_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv(commit.LOCKS, "soft")
    (tmp_path / ".lock-soft").write_text("1\nanother-machine\n")
    with (
        pytest.raises(StoreError, match=r"if there is none on any machine, remove .*\.lock-soft"),
        exclusive(tmp_path),
    ):
        pass


def test_a_disk_without_locks_is_named_with_the_option_for_it(tmp_path, monkeypatch):
    def without(descriptor, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", without)
    told = pytest.raises(StoreError, match="No locks available .*PIPELINE_LOCKS=soft")
    with told, exclusive(tmp_path):
        pass
    monkeypatch.setenv(commit.LOCKS, "soft")
    with exclusive(tmp_path):
        commit_text(tmp_path / "file", "x")


@pytest.mark.parametrize("locks", ["", "soft"])
def test_a_lock_is_never_taken_through_a_link(tmp_path, monkeypatch, locks):
    monkeypatch.setenv(commit.LOCKS, locks)
    precious, folder = tmp_path / "precious", tmp_path / "out"
    precious.write_text("precious")
    folder.mkdir()
    for name in (".lock", ".lock-soft"):
        (folder / name).symlink_to(precious)
    with pytest.raises(StoreError, match="is a link; remove it|is in use"), exclusive(folder):
        pass
    for name in (".lock", ".lock-soft"):
        (folder / name).unlink()
        (folder / name).hardlink_to(precious)
    if not locks:
        with exclusive(folder):
            pass
    assert precious.read_text() == "precious"


def test_a_link_in_the_place_of_a_file_is_replaced_and_of_a_folder_refused(tmp_path):
    other, out = tmp_path / "other", tmp_path / "out"
    other.mkdir()
    out.mkdir()
    (other / "file").write_text("precious")
    (out / "file").symlink_to(other / "file")
    commit_text(out / "file", "ours", out)
    assert not (out / "file").is_symlink()
    (out / "deep").symlink_to(other)
    for write in (
        lambda: commit_text(out / "deep" / "file", "ours", out),
        lambda: commit_text(out / "deep" / "deeper" / "file", "ours", out),
        lambda: refuse_links(out / "deep", out),
    ):
        with pytest.raises(StoreError, match=f"{out}/deep is a link"):
            write()
    with pytest.raises(StoreError, match="is a link"), exclusive(out / "deep", out):
        pass
    assert [path.name for path in other.iterdir()] == ["file"]
    assert (other / "file").read_text() == "precious"


def test_the_temporary_file_of_a_living_writer_stays_and_of_a_killed_one_goes(tmp_path):
    """As when `score` starts while a `report` is being written below the same folder."""
    body = (
        "with committing(Path(sys.argv[1])) as path:\n"
        "    path.write_text('half'); print('there', flush=True); time.sleep(99)"
    )
    writer = started(body, tmp_path / "report" / "copy.mp4")
    (partial,) = tmp_path.rglob(".partial-*")
    with exclusive(tmp_path):
        assert partial.read_text() == "half"
    kill(writer)
    with exclusive(tmp_path):
        assert not partial.exists()


def test_a_temporary_file_that_is_cleared_as_it_is_made_is_made_again(tmp_path, monkeypatch):
    """Between making and locking another process may take it for a dead one's."""
    take, cleared = commit._take, []

    def clear_once(descriptor):
        if not cleared:
            (partial,) = tmp_path.glob(".partial-*")
            cleared.append(partial)
            partial.unlink()
        return take(descriptor)

    monkeypatch.setattr(commit, "_take", clear_once)
    commit_text(tmp_path / "file", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_links_and_folders_that_are_named_as_temporary_files_stay(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("precious")
    out = tmp_path / "out"
    (out / ".partial-folder").mkdir(parents=True)
    (out / ".partial-link").symlink_to(precious)
    (out / "elsewhere").symlink_to(tmp_path)
    (tmp_path / ".partial-of-others").touch()
    with exclusive(out):
        pass
    assert {path.name for path in out.iterdir()} >= {".partial-folder", ".partial-link"}
    assert (tmp_path / ".partial-of-others").exists()
    assert precious.read_text() == "precious"


def test_taking_a_folder_clears_what_a_killed_writer_left(tmp_path):
    leftover = tmp_path / "scores" / ".partial-0-part.parquet"
    leftover.parent.mkdir()
    leftover.write_bytes(b"half")
    with exclusive(tmp_path):
        assert not leftover.exists()
        leftover.write_bytes(b"half, by a worker that is killed with the run")
    assert not leftover.exists()


def test_a_folder_without_permission_is_named(public, without_privileges):
    public.chmod(0o555)
    with without_privileges():
        with (
            pytest.raises(StoreError, match="cannot write to .*: Permission denied"),
            exclusive(public / "sub"),
        ):
            pass
        with pytest.raises(StoreError, match="cannot write .*/file: Permission denied"):
            commit_text(public / "file", "x")
    assert list(public.iterdir()) == []


@pytest.fixture
def read_only(tmp_path):
    """A disk that takes no writing."""
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", tmp_path], check=False).returncode != 0:
        pytest.skip("needs the right to mount a file system")
    subprocess.run(["mount", "-o", "remount,ro", tmp_path], check=True)
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


def test_a_disk_that_takes_no_writing_is_named(read_only):
    for folder in (read_only, read_only / "sub"):
        with (
            pytest.raises(StoreError, match=f"cannot write to {folder}: Read-only file system"),
            exclusive(folder),
        ):
            pass
    with pytest.raises(StoreError, match="cannot write .*/file: Read-only file system"):
        commit_text(read_only / "file", "x")


def test_a_file_that_cannot_grow_is_named_and_nothing_of_it_stays(tmp_path):
    """In a process of its own, whose files may not be larger than 1000 bytes."""
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from stores.files.commit import commit_bytes\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "commit_bytes(Path(sys.argv[1]), bytes(999))\n"
        "commit_bytes(Path(sys.argv[1]), bytes(2000))\n"
    )
    path = tmp_path / "file"
    ended = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert f"StoreError: cannot write {path}: File too large" in ended.stderr
    assert path.read_bytes() == bytes(999)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_file_where_a_folder_is_due_is_said_to_be_one(tmp_path):
    (tmp_path / "file").touch()
    said = "a file lies there or above it; give a folder"
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StoreError, match=said), exclusive(folder):
            pass
