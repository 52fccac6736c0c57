"""Servers of files that answer a download with something else, or never end."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import Any

from mutated import mutated_bytes

# Each case begins its own server, which answers every connection in the same way.
CASE = """
import contextlib
import io
import os
import socket
import tempfile
import threading
import time
from pathlib import Path

from keras_alexnet.weights import cache, download, remote_files
from keras_alexnet.weights.remote_files import RemoteFile

download._TIMEOUT, download._WHOLE = 0.5, 1.0
download.MOST = remote_files.MOST = 2**24
CONTENT = b"the weights" * 1000

def serve(listening, content, how):
    while True:
        try:
            connection, _ = listening.accept()
            connection.recv(1 << 16)
            connection.sendall(content)
            while how != "once":
                connection.sendall(b"x" * (1 if how == "drip" else 1 << 16))
                time.sleep(0.05 if how == "drip" else 0)
            connection.close()
        except OSError:
            if listening.fileno() < 0:
                return

def made(url, size, digest, folder):
    file = RemoteFile("the weights", "weights.bin", (url,), size, digest, "do without")

    def make(work, made):
        os.replace(download.download(file, work), made)

    try:
        return cache.kept(folder / "weights.bin", "the weights", "a path", make)
    finally:  # whatever happened, the lock is free
        import filelock
        with filelock.FileLock(folder / ".weights.bin.lock", timeout=0):
            pass

def case(arguments):
    path, how, size, digest = arguments
    with open(path, "rb") as file:
        content = file.read()
    errors, began = io.StringIO(), time.monotonic()
    os.environ["no_proxy"] = "*"
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.create_server(("127.0.0.1", 0)) as listening,
        contextlib.redirect_stderr(errors),
    ):
        threading.Thread(
            target=serve, args=(listening, content, how), daemon=True
        ).start()
        url = f"http://me:secret@127.0.0.1:{listening.getsockname()[1]}/weights.bin"
        digests = () if digest is None else (("sha256", digest),)
        found, message = None, ""
        try:
            found = made(url, size, digests, Path(folder)).read_bytes()
        except ValueError as error:
            message = str(error)
    said = errors.getvalue()
    if "secret" in said + message or not said.replace("\\n", "").isprintable():
        return f"the words {said}{message}"
    if time.monotonic() - began > 20:
        return "an answer after 20 s"
    if message:
        raise ValueError(message)
    right = found == CONTENT or (digest is None and found in content)
    return None if right else f"a file of {len(found)} bytes"
"""
CONTENT = b"the weights" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def _http(body: bytes, status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{more}\r\n".encode("latin-1") + body


def _length(body: bytes, status: str = "200 OK") -> bytes:
    return _http(body, status, f"Content-Length: {len(body)}\r\n")


def _other_status(rng: random.Random) -> bytes:
    words = rng.choice(["", "No\x1b[2J\x9b2J\x85", "w" * 60_000])
    status = rng.choice(["206", "404", "416", "500", "999", "100", "204", "-1", "2000"])
    return _length(CONTENT, f"{status} {words}")


def _redirecting(rng: random.Random) -> bytes:
    places = ["file:///etc/passwd", "ftp://127.0.0.1/", "http://127.0.0.1:9/", "//"]
    places += ["/", "http://[", "javascript:1", "\x1b[2J", "http://a:b@127.0.0.1:9/"]
    status = rng.choice(["301 Moved", "302 Found", "303 See", "307 To", "308 To"])
    return _http(b"", status, f"Location: {rng.choice(places)}\r\n")


def _other_length(rng: random.Random) -> bytes:
    length = rng.choice(["5", "99999999", "9" * 30, "-1", "\u00b2", "0x10", ""])
    encoding = rng.choice(["", "Transfer-Encoding: chunked\r\n"])
    body = rng.choice([CONTENT, b"5\r\nhello\r\n", b"ffffffffff\r\nx", b"-1\r\n", b""])
    return _http(body, more=f"Content-Length: {length}\r\n{encoding}")


def _other_bytes(rng: random.Random) -> bytes:
    return mutated_bytes(_length(CONTENT), rng)


_KINDS = (_other_status, _redirecting, _other_length, _other_bytes)


def cases(folder: Path, rng: random.Random, count: int) -> list[Any]:
    """Answers as they come over the wire; the first is as it should be."""
    arguments: list[Any] = []
    for index in range(count):
        content, how = _length(CONTENT), "once"
        if index % 40 == 20:
            how = rng.choice(["endless", "drip"])
            content = rng.choice([_http(b""), b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1"])
        elif index:
            content = rng.choice(_KINDS)(rng)
        path = folder / f"answer{index}"
        path.write_bytes(content)
        known = index == 0 or rng.random() < 0.7
        held = (len(CONTENT), DIGEST) if known else (None, None)
        arguments.append([str(path), how, *held])
    return arguments
