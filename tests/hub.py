"""A model hub of this machine: the few addresses that huggingface_hub asks for a repository."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

COMMIT = "c" * 40


class Hub:
    """One repository, served from a folder under ``main`` and its commit; ``asked`` keeps paths."""

    def __init__(self, folder: Path, repository: str) -> None:
        self.folder, self.repository = folder, repository
        self.asked: list[str] = []
        self.address = ""

    def answer(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        """Return status, content and headers of a path."""
        self.asked.append(path)
        path = path.partition("?")[0]
        revisions = ("main", COMMIT)
        api = f"/api/models/{self.repository}"
        files = sorted(p for p in self.folder.iterdir() if p.is_file())
        if not path.startswith((api, f"/{self.repository}/")):
            return 404, b"{}", {"X-Error-Code": "RepoNotFound"}
        if path in {api, *(f"{api}/revision/{each}" for each in revisions)}:
            siblings = [{"rfilename": file.name} for file in files]
            info = {"id": self.repository, "sha": COMMIT, "siblings": siblings, "tags": []}
            return 200, json.dumps(info).encode(), {}
        if path in {f"{api}/tree/{each}" for each in revisions}:
            rows = [
                {"type": "file", "path": f.name, "size": f.stat().st_size, "oid": etag(f)}
                for f in files
            ]
            return 200, json.dumps(rows).encode(), {}
        for revision in revisions:
            if path.startswith(f"{api}/tree/{revision}/"):  # there are no folders
                return 404, b"{}", {"X-Error-Code": "EntryNotFound"}
            start = f"/{self.repository}/resolve/{revision}/"
            file = self.folder / path.removeprefix(start)
            if path.startswith(start) and file not in files:
                return 404, b"{}", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}
            if path.startswith(start):
                headers = {"ETag": f'"{etag(file)}"', "X-Repo-Commit": COMMIT}
                return 200, file.read_bytes(), headers
        return 404, b"{}", {"X-Error-Code": "RevisionNotFound"}


def etag(file: Path) -> str:
    return hashlib.sha1(file.read_bytes()).hexdigest()


@contextmanager
def serving(folder: Path, repository: str) -> Iterator[Hub]:
    """Serve a folder as a repository of a hub; yields it with its address."""
    hub = Hub(folder, repository)

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.reply(with_content=False)

        def do_GET(self):
            self.reply(with_content=True)

        def reply(self, *, with_content):
            status, content, headers = hub.answer(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if with_content:
                self.wfile.write(content)

        def log_message(self, format, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        hub.address = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
