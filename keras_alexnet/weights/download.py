"""Downloads a publisher's file and checks its hash before anything reads it."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import string
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from keras_alexnet import files
from keras_alexnet.weights.published import WeightSet

VARIABLE = "KERAS_ALEXNET_WEIGHTS"

_ATTEMPTS = 3  # the first, and two that resume where a connection was cut
_CHUNK = 1 << 20
_MIB = 2**20
_TIMEOUT = 30.0  # seconds without an answer or a byte

_Show = Callable[[int], object]  # takes the number of bytes received so far


class Unavailable(ValueError):
    """A publisher's file that cannot be had.

    Args:
        expected: What must be, and what can be done.
        received: What was found.
    """

    def __init__(self, expected: str, received: str) -> None:
        super().__init__(f"{expected}. Received: {received}")
        self.expected, self.received = expected, received

    def or_else(self, instead: str) -> Unavailable:
        """The same error, which says what else can be done."""
        return Unavailable(f"{self.expected}; {instead}", self.received)


def fetch(record: WeightSet, directory: Path) -> Path:
    """Returns the path of the publisher's file, its size and hash checked.

    It comes from the publisher, unless the environment variable
    `KERAS_ALEXNET_WEIGHTS` names another source: a mirror's `http://` or `https://`
    address, to which the file's name is added, or a folder that holds the file. A
    file in a folder is used where it is.

    Args:
        record: The weight set.
        directory: Where a downloaded file is put. After an error nothing is left
            there.

    Raises:
        Unavailable: If the file cannot be downloaded.
        ValueError: If it is not the published one.

    Example:

    >>> fetch(published.get("imagenet"), Path("/tmp"))  # doctest: +SKIP
    """
    source = os.environ.get(VARIABLE, "")
    if source and "://" not in source:
        return _from_folder(record, Path(files.expanded(source)))
    url = _in_mirror(record, source) if source else record.url
    path = directory / record.file_name
    try:
        _download(record, url, path)
        _check(record, path, f"the file from {url}", "it was removed")
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _from_folder(record: WeightSet, folder: Path) -> Path:
    path = folder / record.file_name
    if not path.is_file():
        found = "has no such file" if folder.is_dir() else "is no folder"
        raise Unavailable(
            f"{VARIABLE} must be an http:// or https:// address or a folder that holds "
            f"{_wanted(record)}",
            f"{VARIABLE}={str(folder)!r}, which {found}",
        )
    _check(record, path, f"the file {str(path)!r}", "it is not used")
    return path


def _in_mirror(record: WeightSet, mirror: str) -> str:
    try:
        parts = urllib.parse.urlsplit(mirror)
        parts.port  # noqa: B018  raises ValueError if it is none
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        valid = False
    if not valid or not mirror.isascii() or set(mirror) & set(string.whitespace):
        raise ValueError(
            f"{VARIABLE} must be an http:// or https:// address or a folder. "
            f"Received: {VARIABLE}={mirror!r}"
        )
    return f"{mirror.rstrip('/')}/{record.file_name}"


def _download(record: WeightSet, url: str, path: Path) -> None:
    """Downloads the file; resumes where it stopped if the connection is cut."""
    with _progress(record, url) as show:
        for _ in range(_ATTEMPTS):
            total = _receive(record, url, path, show)
            received = path.stat().st_size
            if total is None or received >= total:
                return
    raise _unavailable(record, url, f"{received:,} of {total:,} bytes, then no more")


def _receive(record: WeightSet, url: str, path: Path, show: _Show) -> int | None:
    """Appends what arrives to the file; returns the size of the whole file."""
    start = path.stat().st_size if path.exists() else 0
    with _opened(record, url, start) as response:
        resumed = response.status == http.client.PARTIAL_CONTENT
        length = response.headers.get("Content-Length", "")
        total = record.size
        if length.isdecimal():
            total = int(length) + (start if resumed else 0)
        try:
            with open(path, "ab" if resumed else "wb") as file:
                for chunk in _chunks(response):
                    file.write(chunk)
                    show(file.tell())
                    if record.size is not None and file.tell() > record.size:
                        return None  # another file, perhaps an endless one
        except OSError as error:  # the disk's; the network's are handled in _chunks
            raise ValueError(
                f"there must be room for {record.file_name} ({_size(record)}) in "
                f"{str(path.parent)!r}; free some, or set KERAS_HOME to another one. "
                f"Received: {error.strerror}"
            ) from None
    return total


@contextlib.contextmanager
def _opened(
    record: WeightSet, url: str, start: int
) -> Iterator[http.client.HTTPResponse]:
    """The answer to a request for the file, from byte `start` on."""
    request = urllib.request.Request(url, headers={"User-Agent": "keras-alexnet"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        reason = f"HTTP {error.code} {error.reason}"
        raise _unavailable(record, url, reason) from None
    except (OSError, http.client.HTTPException) as error:
        cause = getattr(error, "reason", error)  # URLError wraps it
        reason = getattr(cause, "strerror", None) or str(cause)
        raise _unavailable(record, url, reason) from None
    with response:
        yield response


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """What arrives until the end, or until the connection is cut or times out."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        while chunk := response.read(_CHUNK):
            yield chunk


def _check(record: WeightSet, path: Path, what: str, then: str) -> None:
    size = path.stat().st_size
    if record.size is not None and size != record.size:
        raise ValueError(
            f"{what} must have {record.size:,} bytes; {then}. Received: {size:,} bytes"
        )
    digest = hashlib.new(record.algorithm)
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != record.digest:
        raise ValueError(
            f"{what} must have {record.algorithm} {record.digest}; {then}. "
            f"Received: {record.algorithm} {digest.hexdigest()}"
        )


@contextlib.contextmanager
def _progress(record: WeightSet, url: str) -> Iterator[_Show]:
    """Shows one line on standard error, and how much of the file has come."""
    from keras_alexnet import terminal
    from keras_alexnet.live_line import LiveLine

    console = terminal.new_console(stderr=True)
    message = f"downloading {record.file_name}, {_size(record)} from {url}"
    terminal.say(console, message)
    began = time.monotonic()
    with LiveLine(console) as line:

        def show(done: int) -> None:
            total = "" if record.size is None else f"/{record.size / _MIB:.1f}"
            speed = done / _MIB / max(time.monotonic() - began, 1e-3)
            fields = [f"{done / _MIB:.1f}{total} MiB", f"{speed:.1f} MiB/s"]
            line.show(fields, done, record.size)

        yield show


def _size(record: WeightSet) -> str:
    if record.size is None:
        return "of unknown size"
    return f"{record.size / _MIB:.1f} MiB"


def _wanted(record: WeightSet) -> str:
    return f"{record.file_name} ({record.algorithm} {record.digest})"


def _unavailable(record: WeightSet, url: str, reason: str) -> Unavailable:
    return Unavailable(
        f"the weights {record.name!r} must be available at {url}; set {VARIABLE} to a "
        f"mirror's address or to a folder that holds {_wanted(record)}",
        reason,
    )
