"""The guide builds without a warning, and no link in it leads nowhere or is needed from outside."""

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]


class Page(HTMLParser):
    """The anchors of a page, its links, and what it loads by itself."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.links, self.loads = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        elif given.get("src") or (tag == "link" and given.get("href")):
            self.loads.append(given.get("src") or given["href"])


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    pytest.importorskip("mkdocs", reason="comes with the extra `docs`")
    site = tmp_path_factory.mktemp("site")
    ended = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(site)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return {path: Page(path.read_text()) for path in site.rglob("*.html") if path.stem != "404"}


def is_local(link):
    return not urlsplit(link).scheme and not link.startswith("//")


@pytest.mark.long
def test_every_link_within_the_guide_leads_somewhere(pages):
    assert len(pages) > 15
    lost = []
    for path, page in pages.items():
        for link in filter(is_local, [*page.links, *page.loads]):
            parts = urlsplit(link)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            anchors = pages[target].anchors if target in pages else set()
            if not target.is_file() or (parts.fragment and unquote(parts.fragment) not in anchors):
                lost.append((path.name, link))
    assert lost == []


@pytest.mark.long
def test_no_page_loads_anything_from_elsewhere(pages):
    loads = {load for page in pages.values() for load in page.loads}
    assert loads
    assert [load for load in loads if not is_local(load) and not load.startswith("data:")] == []


@pytest.mark.long
def test_the_reference_has_every_command_and_what_notebooks_use(pages):
    from pipeline.commands import COMMANDS, settings_of

    by_name = {path.relative_to(path.parents[1]).as_posix(): p for path, p in pages.items()}
    commands = by_name["reference/commands.html"].anchors
    for name in COMMANDS:
        settings = settings_of(name)
        assert name in commands
        assert f"{settings.__module__}.{settings.__name__}" in commands
    assert "pipeline.api.load_scorer" in by_name["reference/python.html"].anchors
