"""What the files of a folder of scores have in common, and the columns of each kind of file."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa

from stores.files.typed import convert, decode_json
from stores.ranges import Temperature
from stores.records import EventRule, StoreError

SCHEMA_VERSION = "6"  # from 6 on it says what is known of features and calibration

FeatureKind = Literal["known", "demo", "guess", "unknown"]
"""How far the recipe of the features that a model knows is known: it is; it is the demo's random
CLIP; it was guessed for an imported model; the features were imported, so that nobody knows."""

CalibrationKind = Literal["no", "test", "normal", "doubtful"]
"""Whose rule it is: no calibration's; that of one on a labelled test split, or on footage in which
nothing happened; that of one that was installed although it is worth little."""

EVENTS_SCHEMA = pa.schema(
    [
        ("video_id", pa.string()),
        ("start_frame", pa.int32()),
        ("end_frame", pa.int32()),
        ("start_time", pa.float64()),
        ("end_time", pa.float64()),
        ("label", pa.string()),
        ("peak", pa.float32()),
        ("mean", pa.float32()),
    ]
)
VIDEOS_SCHEMA = pa.schema(
    [
        ("video_id", pa.string()),
        ("path", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("frames", pa.int32()),
        ("seconds", pa.float64()),
        ("peak", pa.float32()),
        ("label", pa.string()),
        ("events", pa.int32()),
        ("decoder", pa.string()),
        ("expected_frames", pa.int32()),
        ("duplicate_frames", pa.int32()),
        ("lost_frames", pa.int32()),
        ("clock_steps", pa.string()),  # frames; not every reader reads lists
        ("container_seconds", pa.float64()),
        ("attempts", pa.int32()),
        ("file_size", pa.int64()),
        ("file_modified", pa.int64()),  # nanoseconds: Spark reads no timestamps of that precision
        ("file_digest", pa.string()),
        ("generation", pa.int32()),
    ]
)


@dataclass(frozen=True, slots=True)
class ScoreHeader:
    """What every file of a folder of scores has in common, kept in its Parquet metadata.

    ``score_temperature`` is that of a calibrated model, None where scores are as trained.
    """

    classes: tuple[str, ...]
    model_fingerprint: str
    recipe_fingerprint: str
    rule: EventRule
    score_temperature: Temperature | None = None
    features: FeatureKind = "known"
    calibrated: CalibrationKind = "no"

    def has_scores_of(self, other: ScoreHeader) -> bool:
        """Return whether both are of one model and recipe, so that one's scores make the other's.

        Rule and temperature are applied to scores, which stay what they are.
        """
        mine, theirs = (
            (header.classes, header.model_fingerprint, header.recipe_fingerprint)
            for header in (self, other)
        )
        return mine == theirs

    def metadata(self) -> dict[bytes, bytes]:
        """Return the key-value metadata of a file."""
        return {
            b"schema_version": SCHEMA_VERSION.encode(),
            b"classes": json.dumps(self.classes).encode(),
            b"model_fingerprint": self.model_fingerprint.encode(),
            b"recipe_fingerprint": self.recipe_fingerprint.encode(),
            b"event_rule": json.dumps(asdict(self.rule)).encode(),
            b"score_temperature": json.dumps(self.score_temperature).encode(),
            b"features": self.features.encode(),
            b"calibrated": self.calibrated.encode(),
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[bytes, bytes], part: Path) -> ScoreHeader:
        """Return the header that the metadata of ``part`` state.

        Raises:
            StoreError: The schema is another one, a value is damaged, or of another type or range.
            TypeError: A key is missing.
            ValueError: A value is no UTF-8.
        """
        # The version first: keys that another one has not are no damage.
        version = metadata.get(b"schema_version", SCHEMA_VERSION.encode()).decode()
        if version != SCHEMA_VERSION:
            raise StoreError(
                f"{part} has schema {version}, expected {SCHEMA_VERSION}; move its folder away and "
                "score again"
            )
        needed = cls((), "", "", EventRule()).metadata().keys()
        if missing := sorted(key.decode() for key in needed - metadata.keys()):
            raise TypeError(f"its metadata have no {', '.join(missing)}")
        rule = decode_json(metadata[b"event_rule"], dict[str, object], f"{part}: rule")
        if rule.keys() != asdict(EventRule()).keys():
            raise StoreError(
                f"{part}: rule: got {', '.join(rule) or 'nothing'}, of another version"
            )
        content = {
            "classes": decode_json(metadata[b"classes"], object, f"{part}: classes"),
            "model_fingerprint": metadata[b"model_fingerprint"].decode(),
            "recipe_fingerprint": metadata[b"recipe_fingerprint"].decode(),
            "rule": rule,
            "score_temperature": decode_json(metadata[b"score_temperature"], object, part),
            "features": metadata[b"features"].decode(),
            "calibrated": metadata[b"calibrated"].decode(),
        }
        if not content["classes"]:
            raise ValueError("no class is named")
        return convert(content, cls, part)


def scores_schema(header: ScoreHeader) -> pa.Schema:
    """Return the schema of ``scores/``: the fixed columns, then one for each class.

    The metadata of a class's column hold its name as it is.
    """
    columns = [
        ("video_id", pa.dictionary(pa.int32(), pa.string())),
        ("frame", pa.int32()),
        ("time", pa.float64()),
        ("score", pa.float32()),
        ("label", pa.dictionary(pa.int32(), pa.string())),
        ("label_probability", pa.float32()),
    ]
    # Columns in which nothing can be missing take two thirds of the time to write.
    fields = [pa.field(name, kind, nullable=False) for name, kind in columns]
    fields += [
        pa.field(column, pa.float32(), nullable=False, metadata={"class": name})
        for column, name in zip(class_columns(header.classes), header.classes, strict=True)
    ]
    return pa.schema(fields, metadata=header.metadata())


def class_columns(classes: Sequence[str]) -> list[str]:
    """Return the columns of class probabilities in the order of the classes: ``p_road_accident``.

    A name is the class's in lower case, without accents, and an underscore for whatever is no ASCII
    letter or digit; a class that has none of these is ``p_class_<index>``. A name that an earlier
    class has gets a number. Most SQL takes upper and lower case for the same.
    """
    columns: list[str] = []
    for index, name in enumerate(classes):
        ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        plain = re.sub("[^a-z0-9]+", "_", ascii_only).strip("_") or f"class_{index}"
        column, number = f"p_{plain}", 2
        while column in columns:
            column, number = f"p_{plain}_{number}", number + 1
        columns.append(column)
    return columns
