"""A server on loopback that answers as the Hugging Face Hub, for one repository."""

from __future__ import annotations

import hashlib
import json
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

REPOSITORY = "owner/alexnet"


class HubServer(ThreadingHTTPServer):
    """Serves the commits of a repository while a `with` block lasts.

    Args:
        files: The files of the commit of `main`, by their paths.
        commit: The commit.

    Attributes:
        commits: The files of each commit.
        branches: The commit of each branch.
        large: Whether files are LFS's: with a SHA-256, and at another address.
        listing: What is answered in place of a listing; None for the true one.
        requests: The paths that were asked for.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes], commit: str = "1" * 40) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.commits = {commit: files}
        self.branches = {"main": commit}
        self.large = True
        self.listing: bytes | None = None
        self.status = 200
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def push(self, files: dict[str, bytes], commit: str) -> None:
        """A new commit of `main`."""
        self.commits[commit] = files
        self.branches["main"] = commit

    def described(self, revision: str) -> bytes | None:
        """The answer of `GET /api/models/{repository}/revision/{revision}`."""
        if self.listing is not None:
            return self.listing
        commit = self.branches.get(revision, revision)
        if commit not in self.commits:
            return None
        siblings = [self._sibling(n, c) for n, c in self.commits[commit].items()]
        return json.dumps({"sha": commit, "siblings": siblings}).encode()

    def _sibling(self, name: str, content: bytes) -> dict[str, Any]:
        git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        found = {"rfilename": name, "size": len(content), "blobId": git}
        if not self.large:
            return found
        digest = hashlib.sha256(content).hexdigest()
        lfs = {"sha256": digest, "size": len(content), "pointerSize": 134}
        return {**found, "blobId": "0" * 40, "lfs": lfs}

    def __enter__(self) -> HubServer:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: HubServer

    def do_GET(self) -> None:
        server = self.server
        server.requests.append(self.path)
        parts = urllib.parse.urlsplit(self.path)
        api, resolve = f"/api/models/{REPOSITORY}/revision/", f"/{REPOSITORY}/resolve/"
        path = urllib.parse.unquote(parts.path)
        if server.status != 200:
            self.send_error(server.status)
        elif path.startswith(api) and parts.query == "blobs=true":
            self._answer(server.described(path[len(api) :]))
        elif path.startswith(resolve) and server.large:
            self.send_response(302)  # to where large files are
            self.send_header("Location", f"{server.url}/cdn/{path[len(resolve) :]}")
            self.end_headers()
        elif path.startswith((resolve, "/cdn/")):
            commit, _, name = (
                path.removeprefix(resolve).removeprefix("/cdn/").partition("/")
            )
            self._answer(server.commits.get(commit, {}).get(name))
        else:
            self.send_error(404)

    def _answer(self, content: bytes | None) -> None:
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Not to be seen."""
