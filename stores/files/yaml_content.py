"""YAML files to plain content, which :mod:`stores.files.typed` makes records of."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from stores.files.locations import regular
from stores.records import StoreError


def load_yaml(path: Path) -> object:
    """Return what a YAML file holds, an empty mapping where that is nothing.

    Raises:
        StoreError: It cannot be read, is no YAML, or gives a field twice; the line is named.
    """
    try:
        return yaml.load(regular(path).read_text(encoding="utf-8"), _Loader) or {}
    except StoreError:
        raise
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise StoreError(f"{path} cannot be read as YAML: {_reason(error)}") from error


class _Loader(yaml.SafeLoader):
    """YAML in which no field and no class is given twice: the first one would be lost unsaid."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Return the mapping that a node stands for, as the base class does."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"{key.value} is given twice", problem_mark=key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _reason(error: Exception) -> str:
    """Return what is wrong with a YAML file, the line first where that is known."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return str(error)
