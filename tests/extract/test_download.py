"""Weights of a tag: from the hub's cache without a question, and one line where they are not."""

import socket

import huggingface_hub.constants
import pytest
from open_clip.pretrained import get_pretrained_cfg

from extract.clip_weights import is_here, resolve_weights
from extract.download import fetch, find_cached

TAG = "ViT-B-32", "laion2b_s34b_b79k"
ADDRESS = (
    "laion/CLIP-ViT-B-32-laion2B-s34B-b79K/resolve/main/open_clip_model.safetensors elsewhere and "
    "give the file's path instead of the tag"
)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of the hub, whose address leads to a port of this machine that is closed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    template = f"http://127.0.0.1:{closed}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def plant(cache, name):
    """Put a file into the cache as the hub's library lays it out."""
    folder = cache / "models--laion--CLIP-ViT-B-32-laion2B-s34B-b79K"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("c" * 40)
    path = folder / "snapshots" / ("c" * 40) / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    return path


@pytest.mark.parametrize("name", ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"])
@pytest.mark.parametrize("offline", [False, True])
def test_what_is_in_the_cache_is_taken_without_a_question(cache, monkeypatch, name, offline):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", offline)
    path = plant(cache, name)
    assert fetch(get_pretrained_cfg(*TAG)) == path


def test_what_is_here_is_known_without_a_question(cache, monkeypatch):
    assert not is_here(*TAG)
    assert is_here("tiny", "")
    assert is_here("ViT-B-32", "/some/file.pt")  # which loading it will tell
    path = plant(cache, "open_clip_model.safetensors")
    assert is_here(*TAG)
    assert find_cached(get_pretrained_cfg(*TAG)) == path
    monkeypatch.setenv("HOME", str(cache))
    entry = {"url": "https://example.org/weights/RN50.pt"}
    assert find_cached(entry) is None
    (cache / ".cache" / "clip").mkdir(parents=True)
    (cache / ".cache" / "clip" / "RN50.pt").write_bytes(b"weights")
    assert find_cached(entry) == cache / ".cache" / "clip" / "RN50.pt"


@pytest.mark.parametrize(
    ("offline", "said"),
    [
        (False, "it is not on this machine and 127.0.0.1 does not answer; fetch http"),
        (True, "it is not in the hub's cache, and HF_HUB_OFFLINE is set; fetch http"),
    ],
)
def test_what_is_not_here_is_named_with_its_address(cache, monkeypatch, offline, said):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", offline)
    with pytest.raises(ValueError, match=f"'laion2b_s34b_b79k' of ViT-B-32: {said}.*{ADDRESS}"):
        resolve_weights(*TAG)
