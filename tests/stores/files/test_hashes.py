import hashlib
import subprocess

import pytest

from stores.files.hashes import FILE, check_hash, digest_of, read_hashes, write_hashes
from stores.records import StoreError


@pytest.fixture
def folder(tmp_path):
    for name, content in (("a.bin", b"first"), ("b c.bin", b"second")):
        (tmp_path / name).write_bytes(content)
    write_hashes(tmp_path, {p.name: digest_of(p) for p in sorted(tmp_path.iterdir())})
    return tmp_path


def test_a_digest_is_the_files_sha256(folder):
    assert digest_of(folder / "a.bin") == hashlib.sha256(b"first").hexdigest()
    with pytest.raises(StoreError, match="cannot read .*gone"):
        digest_of(folder / "gone")


def test_they_come_back_and_the_usual_program_reads_them(folder):
    assert read_hashes(folder) == {
        "a.bin": digest_of(folder / "a.bin"),
        "b c.bin": digest_of(folder / "b c.bin"),
    }
    command = ["sha256sum", "--check", "--strict", FILE]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout == "a.bin: OK\nb c.bin: OK\n"


def test_what_is_as_listed_passes_and_a_folder_without_a_list_does_too(folder, tmp_path):
    check_hash(folder / "a.bin")
    check_hash(folder / "neither there nor listed")
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "a.bin").write_bytes(b"any")
    check_hash(plain / "a.bin")
    assert read_hashes(plain) is None


def test_a_file_that_is_another_gone_or_added_is_named(folder):
    (folder / "a.bin").write_bytes(b"other")
    with pytest.raises(StoreError, match=r"a\.bin is not the file that SHA256SUMS .* export again"):
        check_hash(folder / "a.bin")
    (folder / "b c.bin").unlink()
    with pytest.raises(StoreError, match=r"b c\.bin is missing, which SHA256SUMS lists"):
        check_hash(folder / "b c.bin")
    (folder / "new.bin").write_bytes(b"")
    with pytest.raises(StoreError, match=r"new\.bin is not in SHA256SUMS beside it; remove it"):
        check_hash(folder / "new.bin")


@pytest.mark.parametrize("line", ["nothing", f"{'a' * 64}  ../up", f"{'a' * 63}  short", "\xff"])
def test_a_line_of_another_form_is_named(folder, line):
    with (folder / FILE).open("ab") as file:
        file.write(line.encode("latin-1") + b"\n")
    with pytest.raises(StoreError, match=r"SHA256SUMS: (line 3: .*two spaces|.*decode)"):
        read_hashes(folder)
