"""A tiny weight set, and a server on loopback that has it, with the faults wanted."""

from __future__ import annotations

import dataclasses
import hashlib
import socketserver
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from keras_alexnet.weights import get
from keras_alexnet.weights.published import WeightSet

NOWHERE = "http://127.0.0.1:9"  # the port at which nobody answers


def published(
    content: bytes, url: str = NOWHERE, name: str = "imagenet", **changes: Any
) -> WeightSet:
    """The record of a weight set whose file is `content`, at `url`."""
    known = get(name)
    values = {
        "url": f"{url}/{known.file_name}",
        "size": len(content),
        "digest": hashlib.sha1(content).hexdigest(),
        "mirrors": (),
        "other_digests": (),
    }
    return dataclasses.replace(known, **{**values, **changes})


class WeightsServer(ThreadingHTTPServer):
    """Serves `content` under every path while a `with` block lasts.

    Args:
        content: The file.
        status: What it answers; only 200 comes with the file.
        cuts: How many bytes the first answers send before the connection closes,
            though the header announces all.
        ranges: Whether it knows the header `Range`.
        announces: Whether it says how long the answer is.
        held: Whether an answer waits for `go`.
    """

    daemon_threads = True

    def __init__(
        self,
        content: bytes,
        status: int = 200,
        cuts: tuple[int, ...] = (),
        ranges: bool = True,
        announces: bool = True,
        held: bool = False,
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content, self.status = content, status
        self.cuts, self.ranges, self.announces = list(cuts), ranges, announces
        self.requests: list[tuple[str, str | None]] = []  # path, Range
        self.asked, self.go = threading.Event(), threading.Event()
        if not held:
            self.go.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> WeightsServer:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.go.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: WeightsServer

    def do_GET(self) -> None:
        server, wanted = self.server, self.headers.get("Range")
        server.requests.append((self.path, wanted))
        server.asked.set()
        server.go.wait()
        if server.status != 200:
            self.send_error(server.status)
            return
        resumes = server.ranges and wanted is not None
        start = int(wanted[len("bytes=") : -1]) if resumes else 0
        body = server.content[start:]
        self.send_response(206 if resumes else 200)
        if server.announces:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.cuts.pop(0)] if server.cuts else body)

    def log_message(self, format: str, *args: Any) -> None:
        """Not to be seen."""


class SilentServer(socketserver.TCPServer):
    """Takes connections and never answers; nothing has to run for that."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), socketserver.BaseRequestHandler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
