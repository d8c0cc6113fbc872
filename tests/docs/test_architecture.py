"""The page about the rooms speaks of what is there: every path and every name in it exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
PACKAGES = "stores", "extract", "model", "pipeline"

SPANS = sorted(set(re.findall(r"`([^`\n]+)`", PAGE.read_text(encoding="utf-8"))))
PATHS = [span for span in SPANS if "/" in span and span != "events/"]
NAMES = [span for span in SPANS if re.fullmatch(r"[A-Za-z_]+", span) and span not in PACKAGES]


@pytest.fixture(scope="module")
def defined():
    """Every function and class of the packages."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    return {
        node.name
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, kinds)
    }


def test_it_names_files_and_what_is_in_them():
    assert len(PATHS) > 30
    assert len(NAMES) > 10


@pytest.mark.parametrize("path", PATHS)
def test_every_path_exists(path):
    found = ROOT / path
    assert found.is_dir() if path.endswith("/") else found.is_file()


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_defined(name, defined):
    assert name in defined


def test_the_picture_has_the_rooms_that_are_there():
    picture = (ROOT / "docs" / "rooms.svg").read_text(encoding="utf-8")
    words = set(re.findall(r"[a-z_]+", " ".join(re.findall(r">([^<]+)<", picture))))
    for package in PACKAGES:
        folders = {p.parent.name for p in (ROOT / package).glob("*/__init__.py")}
        assert {package, *folders} <= words


# The note on the rooms names files as they were before, too.
PAGES = [page for page in sorted((ROOT / "docs").rglob("*.md")) if page.name != "0007-rooms.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_of_the_project_that_a_page_names_exists(page):
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"\b(?:stores|extract|model|pipeline|tests|benchmarks)/[\w/]+\.py\b", text)
    assert [path for path in named if not (ROOT / path).is_file()] == []
