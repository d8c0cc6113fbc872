"""Repositories of a hub, from a server of this machine that answers as the hub does."""

import pickle
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants

from stores.files.hub import answers, fetch_folder, is_hub_name
from stores.records import StoreError

WANTED = ["model.bin", "card.txt", "not there"]


@pytest.fixture
def repository(tmp_path):
    """A folder with two files that are wanted, and a pickle that is not."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"weights")
    (folder / "card.txt").write_text("a card")
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({}))
    return folder


@pytest.fixture
def closed():
    """The address of a port of this machine that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("hf://owner/name", True),
        ("hf://owner/name@v1.0", True),
        ("hf://owner/name@refs/pr/3", True),
        ("hf://o.wn-er/na_me@feature%2Fx/", True),
        ("hf://owner/name/folder", False),
        ("hf://owner", False),
        ("hf://owner/name@", False),
        ("owner/name", False),
        ("s3://owner/name", False),
    ],
)
def test_a_repository_is_named_as_a_whole(text, known):
    assert is_hub_name(text) is known


@pytest.mark.parametrize("revision", ["", "@main", f"@{'c' * 40}"])
def test_what_is_asked_for_comes_and_nothing_else(hub, repository, revision):
    served = hub(repository, "owner/name")
    folder = fetch_folder(f"hf://owner/name{revision}", WANTED)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {
        "model.bin": b"weights",
        "card.txt": b"a card",
    }
    assert not [path for path in served.asked if "pytorch_model.bin" in path]


def test_another_process_asks_the_hub_that_its_environment_names(hub, repository):
    served = hub(repository, "owner/name")
    code = (
        "from stores.files.hub import fetch_folder;"
        "print(fetch_folder('hf://owner/name', ['model.bin']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [p.name for p in Path(done.stdout.strip()).iterdir()] == ["model.bin"]
    assert served.asked


def test_what_was_fetched_is_found_without_a_network(hub, repository, closed, monkeypatch):
    hub(repository, "owner/name")
    folder = fetch_folder("hf://owner/name", WANTED)
    monkeypatch.setattr(constants, "ENDPOINT", closed)
    assert fetch_folder("hf://owner/name", WANTED) == folder
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetch_folder("hf://owner/name", WANTED) == folder


@pytest.mark.parametrize(
    ("offline", "said"), [(False, "127.0.0.1 does not answer"), (True, "HF_HUB_OFFLINE is set")]
)
def test_without_a_network_one_line_says_what_to_do(
    hub, repository, closed, monkeypatch, offline, said
):
    hub(repository, "owner/name")
    monkeypatch.setattr(constants, "ENDPOINT", closed)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    message = f"^hf://owner/name: it is not in the hub's cache, and {said}; fetch its files elsewh"
    with pytest.raises(StoreError, match=message):
        fetch_folder("hf://owner/name", WANTED)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("hf://owner/other", "hf://owner/other: the hub knows no such repository, or not for you"),
        ("hf://owner/name@v9", "hf://owner/name@v9: the hub knows no revision 'v9' of it; leave"),
        ("hf://owner", "hf://owner: expected hf://owner/name or hf://owner/name@revision"),
    ],
)
def test_what_the_hub_does_not_have_is_named(hub, repository, name, said):
    hub(repository, "owner/name")
    with pytest.raises(StoreError, match=said):
        fetch_folder(name, WANTED)


def test_a_repository_of_something_else_is_refused(hub, repository):
    hub(repository, "owner/name")
    said = "hf://owner/name holds no model.safetensors, so it is no model that `export` wrote"
    with pytest.raises(StoreError, match=said):
        fetch_folder("hf://owner/name", ["model.safetensors", *WANTED])


def test_a_host_answers_itself_or_by_its_proxy(monkeypatch, closed):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert not answers(closed)
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
        assert answers(f"http://{place}/file")
        for proxy in (place, f"http://{place}"):
            monkeypatch.setenv("http_proxy", proxy)
            assert answers(closed)
