import subprocess
import sys

import pytest

from stores.files.commit import commit_bytes, commit_text, committing, exclusive
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


def test_a_second_process_is_told_that_the_folder_is_in_use(tmp_path):
    code = (
        "import sys; from pathlib import Path; from stores.files.commit import exclusive\n"
        "with exclusive(Path(sys.argv[1])): pass"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with exclusive(tmp_path):
        second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert "is in use by another run" in second.stderr
    assert subprocess.run(command, check=False).returncode == 0


def test_taking_a_folder_clears_what_a_killed_writer_left(tmp_path):
    leftover = tmp_path / "scores" / ".partial-0-part.parquet"
    leftover.parent.mkdir()
    leftover.write_bytes(b"half")
    with exclusive(tmp_path):
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
