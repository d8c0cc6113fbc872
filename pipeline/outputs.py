"""Where everything lies below the folder of all outputs, and what is newest there."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stores.files.commit import commit_text
from stores.records import StoreError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


_EVALUATION = "evaluation"


@dataclass(frozen=True, slots=True)
class Outputs:
    """The folder of all outputs: OUT/<dataset>/… and OUT/scores/…."""

    root: Path

    def videos(self, dataset: str) -> Path:
        """Return the folder of a generated data set's videos."""
        return self.root / dataset / "videos"

    def features(self, dataset: str) -> Path:
        """Return the folder of a data set's shards."""
        return self.root / dataset / "features"

    def checkpoint(self, dataset: str, name: str = "train") -> Path:
        """Return the folder of a checkpoint: by the training's name, or ``imported``."""
        return self.root / dataset / name

    def evaluation(self, dataset: str, trained_on: str = "") -> Path:
        """Return the folder of a test split's scores and metrics, by a model of another data set.

        That is ``trained_on``, where it is not the split's own.
        """
        name = f"{_EVALUATION}-of-{trained_on}" if trained_on else _EVALUATION
        return self.root / dataset / name

    def is_evaluation(self, folder: Path) -> bool:
        """Return whether a folder is :meth:`evaluation` of some data set, by whichever model."""
        trained_on = folder.name.removeprefix(_EVALUATION).removeprefix("-of-")
        return folder == self.evaluation(folder.parent.name, trained_on)

    def ablation(self, dataset: str, head: str) -> Path:
        """Return the folder of the table of a head's parts."""
        return self.root / dataset / "ablation" / head

    def comparison(self, dataset: str) -> Path:
        """Return the folder of the tables of heads beside one another."""
        return self.root / dataset / "comparison"

    def scores(self, name: str) -> Path:
        """Return the folder of new videos' scores."""
        return self.root / "scores" / name

    def datasets(self) -> list[str]:
        """Return the data sets that have features, by name."""
        return sorted(folder.parent.name for folder in self.root.glob("*/features"))

    def latest_dataset(self) -> str:
        """Return the data set whose features were written last; StoreError if there are none."""
        shards = self.root.glob("*/features/shard-*.h5")
        missing = f"no features below {self.root}; run `make extract DATASET=…` first"
        return _newest(shards, missing).parent.parent.name

    def latest_checkpoint(self) -> Path:
        """Return the folder of the last checkpoint, trained or imported; StoreError if none."""
        from model.checkpoint import FILE  # it brings torch along, which scores and pages need not

        found = self.root.glob(f"*/*/{FILE}")  # those of tables of many trainings lie deeper
        return _newest(found, f"no checkpoint below {self.root}; run `make train` first").parent

    def latest_scores(self) -> Path:
        """Return the folder of the last scores, of any videos; StoreError if there are none."""
        folders = ("scores/*", f"*/{_EVALUATION}", f"*/{_EVALUATION}-of-*")
        parts = [p for each in folders for p in self.root.glob(f"{each}/videos/*.parquet")]
        missing = f"no scores below {self.root}; run `make score` or `make evaluate` first"
        return _newest(parts, missing).parent.parent


def default_scores(videos: Path) -> Path:
    """Return the folder that the scores of some videos go to where none is given."""
    own = videos.resolve() if videos.name in ("", "..") else videos  # such as . and ..
    return Outputs(Path("outputs")).scores(own.name or "root")


def settings_file(folder: Path, command: str) -> Path:
    """Return the file in an output folder that holds the settings of the command's last run."""
    return folder / f"{command}.json"


def write_settings(folder: Path, command: str, run: DataclassInstance) -> None:
    """Write a run's settings beside its output, atomically."""
    text = json.dumps(asdict(run), indent=1, default=str)
    commit_text(settings_file(folder, command), f"{text}\n")


def _newest(paths: Iterable[Path], missing: str) -> Path:
    newest = max(paths, key=lambda path: path.stat().st_mtime, default=None)
    if newest is None:
        raise StoreError(missing)
    return newest
