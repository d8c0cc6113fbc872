"""What is fuzzed: every reader of foreign files, and a sound file of each kind.

A target takes bytes and may end in nothing or in a ``StoreError`` (``ValueError`` where no store is
read); whatever else it raises is a finding.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
import torch
from PIL import Image

from extract.container import DecodeError
from extract.stills import read_pictures
from model.checkpoint import FILE, Checkpoint, Provenance, load_checkpoint, save_checkpoint
from model.heads.dsanet.build import build_branches
from model.heads.dsanet.config import PRESETS
from model.heads.published import read_published
from model.scoring.events import label_all
from stores.datasets import msad, sht, tad, ucf, xd
from stores.features.archives import find_features, read_source
from stores.features.manifest import read_manifest, write_manifest
from stores.features.shard_index import ShardRecipe
from stores.features.shards import check_shard, write_shard
from stores.files.arrays import read_array
from stores.records import (
    DecodeAudit,
    Event,
    EventRule,
    Failure,
    StoreError,
    VideoFeatures,
    VideoItem,
    VideoScores,
)
from stores.scores.reader import check_part
from stores.scores.schema import ScoreHeader
from stores.scores.writer import write_scores

ITEM = VideoItem("a/b #1.mp4", "/videos/b.mp4", "test", ("fire",), (Event(3, 9, "fire"),))
FEATURES = VideoFeatures(
    item=ITEM,
    segments=np.zeros((2, 3, 4), np.float16),
    times=np.arange(40) / 25,
    audit=DecodeAudit("pyav", 40, 40, 1.6),
)


@dataclass(frozen=True)
class Target:
    """A reader, the bytes of a sound file, and the errors that are an answer."""

    read: Callable[[Path, bytes], None]
    seed: Callable[[Path], bytes]
    answers: type[ValueError] = StoreError

    def __call__(self, data: bytes) -> None:
        """Give the bytes to the reader in a folder of their own."""
        with tempfile.TemporaryDirectory() as folder, suppress(self.answers):
            self.read(Path(folder), data)


def _shard(folder: Path, data: bytes) -> None:
    path = folder / "shard-0.h5"
    path.write_bytes(data)
    check_shard(path)


def _shard_seed(folder: Path) -> bytes:
    failure = Failure(ITEM, "gone")
    return write_shard(folder, ShardRecipe("{}", "0"), [FEATURES], [failure]).read_bytes()


def _index(folder: Path, data: bytes) -> None:
    """The checksums of a shard pass; its index holds anything."""
    path = write_shard(folder, ShardRecipe("{}", "0"), [FEATURES])
    with h5py.File(path, "r+") as file:
        del file["index"]
        file["index"] = np.frombuffer(data, dtype=np.uint8)
    check_shard(path)


def _index_seed(folder: Path) -> bytes:
    with h5py.File(write_shard(folder, ShardRecipe("{}", "0"), [FEATURES])) as file:
        data: bytes = file["index"][()].tobytes()
    return data


def _part(folder: Path, data: bytes) -> None:
    write_scores(folder, HEADER, label_all([SCORES], HEADER))
    (path,) = (folder / "videos").iterdir()
    path.write_bytes(data)
    check_part(folder, path.name)


def _part_seed(folder: Path) -> bytes:
    write_scores(folder, HEADER, label_all([SCORES], HEADER))
    (path,) = (folder / "videos").iterdir()
    return path.read_bytes()


HEADER = ScoreHeader(("normal", "fire"), "m" * 16, "r" * 16, EventRule())
SCORES = VideoScores(
    item=ITEM,
    times=FEATURES.times,
    score=np.linspace(0, 1, 40, dtype=np.float32),
    probabilities=np.full((40, 2), 0.5, np.float32),
)


def _checkpoint(folder: Path, data: bytes) -> None:
    (folder / FILE).write_bytes(data)
    load_checkpoint(folder)


def _checkpoint_seed(folder: Path) -> bytes:
    provenance = Provenance("ucf", ("normal", "fire"), (("n",), ("f",)), 0, "{}", "0", "", "paper")
    model, training = PRESETS["small"]
    model = replace(model, classes=2)
    text, state = torch.zeros(2, model.width), build_branches(model).state_dict()
    checkpoint = Checkpoint("dsanet", model, training, provenance, {"auc": 0.5}, state, text)
    save_checkpoint(folder, checkpoint)
    return (folder / FILE).read_bytes()


def _weights(folder: Path, data: bytes) -> None:
    path = folder / "model.pth"
    path.write_bytes(data)
    read_published(path)


def _weights_seed(folder: Path) -> bytes:
    torch.save({"linear.bias": torch.zeros(4)}, folder / "model.pth")
    return (folder / "model.pth").read_bytes()


def _array(folder: Path, data: bytes) -> None:
    path = folder / "a__0.npy"
    path.write_bytes(data)
    read_array(path)


def _array_seed(folder: Path) -> bytes:
    np.save(folder / "a.npy", np.zeros((3, 4), np.float32))
    return (folder / "a.npy").read_bytes()


def _archive(folder: Path, data: bytes) -> None:
    (folder / "features.h5").write_bytes(data)
    for crops in find_features(folder).values():
        for source in crops.values():
            with suppress(StoreError):
                read_source(source)


def _archive_seed(folder: Path) -> bytes:
    with h5py.File(folder / "features.h5", "w") as file:
        file["a/01_001"] = np.zeros((3, 4), np.float32)
        file["b"] = np.zeros((3, 2, 4), np.float16)
    return (folder / "features.h5").read_bytes()


def _image(folder: Path, data: bytes) -> None:
    frames = folder / "a.mp4"
    frames.mkdir()
    for number in range(2):
        (frames / f"{number}.jpg").write_bytes(data)
    for _ in read_pictures(str(frames)):
        pass


def _image_seed(folder: Path) -> bytes:
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).save(folder / "0.jpg")
    return (folder / "0.jpg").read_bytes()


def _more_lists(folder: Path, data: bytes) -> None:
    """The first byte says which list of MSAD, ShanghaiTech or TAD the others are."""
    lists = {
        msad: ("msad-i3d.list", "msad-i3d-test.list", "anomaly_annotation.csv", "MSAD_test.txt"),
        sht: ("SH_Train.txt", "SH_Test.txt", "SH_Test_NEW.txt", "SHANGHAI_test.txt"),
        tad: ("TAD_train.txt", "TAD_test.txt"),
    }
    files = [(dataset, file) for dataset, own in lists.items() for file in own]
    for _, file in files:
        (folder / file).touch()
    dataset, file = files[data[0] % len(files) if data else 0]
    (folder / file).write_bytes(data[1:])
    dataset.itemise(folder, None, {})
    dataset.lengths(folder, None)


def _more_lists_seed(folder: Path) -> bytes:
    return b"\x09frames/abnormal/01_Accident_006.mp4 266 1 75 110\nn/Normal_1.mp4 9 0 0 9\n"


def _lists(folder: Path, data: bytes) -> None:
    """The first byte says which of a data set's lists the others are."""
    files = ("Anomaly_Train.txt", "Anomaly_Test.txt", "Temporal_Anomaly_Annotation.txt")
    others = ("annotations.txt", "test_videos.txt", "train_videos.txt")
    for name in (*files, *others):
        (folder / name).touch()
    which = data[0] % 6 if data else 0
    (folder / (*files, *others)[which]).write_bytes(data[1:])
    (ucf if which < 3 else xd).itemise(folder, None, {})


def _lists_seed(folder: Path) -> bytes:
    return b"\x00Abuse/Abuse001_x264.mp4\nTraining_Normal/Normal_Videos_003_x264.mp4\n"


def _manifest(folder: Path, data: bytes) -> None:
    (folder / "videos.json").write_bytes(data)
    read_manifest(folder)


def _manifest_seed(folder: Path) -> bytes:
    write_manifest(folder, [ITEM])
    return (folder / "videos.json").read_bytes()


TARGETS = {
    "shard": Target(_shard, _shard_seed),
    "index": Target(_index, _index_seed),
    "part": Target(_part, _part_seed),
    "checkpoint": Target(_checkpoint, _checkpoint_seed),
    "weights": Target(_weights, _weights_seed, ValueError),
    "array": Target(_array, _array_seed),
    "lists": Target(_lists, _lists_seed),
    "more lists": Target(_more_lists, _more_lists_seed),
    "archive": Target(_archive, _archive_seed),
    "image": Target(_image, _image_seed, DecodeError),
    "manifest": Target(_manifest, _manifest_seed),
}
