"""Downloads a file from the first address that has it, checked before it is read."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import os
import shutil
import string
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from keras_alexnet import exchange, files
from keras_alexnet.exchange import without_password
from keras_alexnet.reasons import outside, reason, shown
from keras_alexnet.weights.published import WeightSet
from keras_alexnet.weights.remote_files import (
    MOST,
    Refused,
    RemoteFile,
    Unavailable,
    check,
)

VARIABLE = "KERAS_ALEXNET_WEIGHTS"

_ATTEMPTS = 3  # the first, and two that resume where a connection was cut
_MIB = 2**20
_TIMEOUT = 30.0  # seconds without an answer or a byte
# Seconds for the whole, and those that each byte adds: who sends less is not waited
# for, nor holds the lock of the cache.
_WHOLE = 60.0
_LEAST_SPEED = 10_000.0  # bytes a second
_ANSWERED = (http.client.OK, http.client.PARTIAL_CONTENT)

_Show = Callable[[int], object]  # takes the number of bytes received so far


def fetch(record: WeightSet, directory: Path) -> Path:
    """Returns the path of a published file, its size and hashes checked.

    It comes from the publisher or, if it cannot be had there or is another file, from
    a mirror, which must have the very same bytes. The environment variable
    `KERAS_ALEXNET_WEIGHTS` names another source instead: a mirror's `http://` or
    `https://` address, to which the file's name is added, or a folder that holds the
    file, of which a copy is made: what is checked is what is read.

    Args:
        record: The weight set.
        directory: Where a downloaded file is put. After an error nothing is left
            there.

    Raises:
        Unavailable: If the file cannot be downloaded.
        WrongFile: If it is not the published one.
        ValueError: If the disk is full or the variable names no source.

    Example:

    >>> fetch(published.get("imagenet"), Path("/tmp"))  # doctest: +SKIP
    """
    file = _remote(record)
    source = os.environ.get(VARIABLE, "")
    if source and "://" not in source:
        return _from_folder(file, Path(files.expanded(source)), directory)
    if source:
        mirror = checked_address(VARIABLE, source, " or a folder")
        file = dataclasses.replace(file, urls=(f"{mirror}/{file.name}",))
    return download(file, directory)


def download(file: RemoteFile, directory: Path) -> Path:
    """Downloads a file from the first of its addresses that has it.

    Each address is shown before it is tried, and the reason if it is given up.

    Args:
        file: The file.
        directory: Where it is put. After an error nothing is left there.

    Returns:
        The path of the file, its size and hashes checked.

    Raises:
        Unavailable: If no address has the file.
        WrongFile: If the only address has another file.
        ValueError: If the disk is full.

    Example:

    >>> download(file, Path("/tmp"))  # doctest: +SKIP
    """
    path = directory / file.name
    refusals: dict[str, Refused] = {}
    for url in file.urls:
        try:
            _download(file, url, path)
            shown_url = without_password(url)
            check(file, path, f"the file from {shown_url}", "it was removed")
        except Refused as error:
            path.unlink(missing_ok=True)
            refusals[url] = error
            if len(refusals) < len(file.urls):
                where = without_password(url)
                _say(f"{where}: {error.received}; the next address is tried")
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        else:
            return path
    if len(refusals) == 1:
        raise next(iter(refusals.values()))
    raise Unavailable(
        f"{file.what} must be available at one of {len(refusals)} addresses; "
        f"{file.otherwise}",
        "; ".join(
            f"{without_password(url)}: {error.received}"
            for url, error in refusals.items()
        ),
    )


def checked_address(variable: str, address: str, otherwise: str = "") -> str:
    """The address in an environment variable, without a slash at its end.

    Args:
        variable: The variable.
        address: Its value.
        otherwise: What else it may be, for the message.

    Raises:
        ValueError: If it is no `http://` or `https://` address.

    Example:

    >>> checked_address("MIRROR", "https://example.org/models/")
    'https://example.org/models'
    """
    try:
        parts = urllib.parse.urlsplit(address)
        parts.port  # noqa: B018  raises ValueError if it is none
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        valid = False
    if not valid or not address.isascii() or set(address) & set(string.whitespace):
        raise ValueError(
            f"{variable} must be an http:// or https:// address{otherwise}. "
            f"Received: {variable}={shown(without_password(address))}"
        )
    return address.rstrip("/")


def read_address(file: RemoteFile, most: int) -> bytes:
    """The content of a short file, as an answer of a server; hashes are not checked.

    Args:
        file: What it is, with one address.
        most: The most bytes that it may have.

    Raises:
        Unavailable: If it cannot be had, or is longer.
    """
    (url,) = file.urls
    with _opened(file, url, 0) as answer:
        try:
            content = answer.read(most)
        except ValueError as error:
            raise _unavailable(file, url, str(error)) from None
    if answer.length not in (None, len(content)):
        raise _unavailable(file, url, f"{len(content):,} bytes, then no more")
    return content


def _remote(record: WeightSet) -> RemoteFile:
    file = RemoteFile(
        f"the weights {record.name!r}",
        record.file_name,
        record.urls,
        record.size,
        record.digests,
        otherwise="",
    )
    return dataclasses.replace(
        file,
        otherwise=f"set {VARIABLE} to a mirror's address or to a folder that holds "
        f"{file}",
    )


def _from_folder(file: RemoteFile, folder: Path, directory: Path) -> Path:
    path = folder / file.name
    if not path.is_file():
        found = "has no such file" if folder.is_dir() else "is no folder"
        raise Unavailable(
            f"{VARIABLE} must be an http:// or https:// address or a folder that holds "
            f"{file}",
            f"{VARIABLE}={str(folder)!r}, which {found}",
        )
    what, then = f"the file {str(path)!r}", "it is not used"
    if path.stat().st_size > (MOST if file.size is None else file.size):
        check(file, path, what, then)
    copy = Path(shutil.copyfile(path, directory / file.name))
    try:
        check(file, copy, what, then)
    except Refused:
        copy.unlink()
        raise
    return copy


def _download(file: RemoteFile, url: str, path: Path) -> None:
    """Downloads the file; resumes where it stopped if the connection is cut."""
    with _progress(file, url) as show:
        for _ in range(_ATTEMPTS):
            total = _receive(file, url, path, show)
            received = path.stat().st_size
            if total is None or received >= total:
                return
    raise _unavailable(file, url, f"{received:,} of {total:,} bytes, then no more")


def _receive(file: RemoteFile, url: str, path: Path, show: _Show) -> int | None:
    """Appends what arrives to the file; returns the size of the whole file."""
    start = path.stat().st_size if path.exists() else 0
    most = MOST if file.size is None else file.size
    with _opened(file, url, start) as answer:
        resumed = answer.status == http.client.PARTIAL_CONTENT
        total = file.size
        if answer.length is not None:
            total = answer.length + (start if resumed else 0)
        if file.size is None and total is not None and total > most:
            raise _unavailable(file, url, f"a file of {total:,} bytes, too many")
        try:
            with open(path, "ab" if resumed else "wb") as output:
                for piece in _pieces(answer):
                    output.write(piece)
                    show(output.tell())
                    if output.tell() > most:
                        return None  # another file, perhaps an endless one
        except TimeoutError:
            raise
        except OSError as error:  # the disk's; the network's are handled in _pieces
            raise ValueError(
                f"there must be room for {file.name} ({_size(file)}) in "
                f"{str(path.parent)!r}; free some, or set KERAS_HOME to another one. "
                f"Received: {error.strerror}"
            ) from None
    return total


@contextlib.contextmanager
def _opened(file: RemoteFile, url: str, start: int) -> Iterator[exchange.Answer]:
    """The answer to a request for the file, from byte `start` on."""
    headers = {"User-Agent": "keras-alexnet"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        with exchange.exchanged(url, headers, silence=_TIMEOUT, whole=_WHOLE) as answer:
            if answer.status not in _ANSWERED:
                what = f"HTTP {answer.status} {answer.reason}"
                raise _unavailable(file, url, what)
            yield answer
    except (OSError, http.client.HTTPException) as error:
        cause = getattr(error, "reason", error)  # URLError wraps it
        what = reason(cause) if isinstance(cause, Exception) else outside(cause)
        raise _unavailable(file, url, what) from None


def _pieces(answer: exchange.Answer) -> Iterator[bytes]:
    """What arrives until the end, or until the connection is cut or falls silent.

    Raises:
        TimeoutError: If it comes too slowly.
    """
    with contextlib.suppress(OSError, http.client.HTTPException):
        yield from answer.pieces(_LEAST_SPEED)
    answer.check()


@contextlib.contextmanager
def _progress(file: RemoteFile, url: str) -> Iterator[_Show]:
    """Shows one line on standard error, and how much of the file has come."""
    from keras_alexnet.live_line import LiveLine

    console = _say(
        f"downloading {file.name}, {_size(file)} from {without_password(url)}"
    )
    began = time.monotonic()
    with LiveLine(console) as line:

        def show(done: int) -> None:
            total = "" if file.size is None else f"/{file.size / _MIB:.1f}"
            speed = done / _MIB / max(time.monotonic() - began, 1e-3)
            fields = [f"{done / _MIB:.1f}{total} MiB", f"{speed:.1f} MiB/s"]
            line.show(fields, done, file.size)

        yield show


def _say(message: str) -> Any:
    """Shows a line on standard error; returns the console."""
    from keras_alexnet import terminal

    console = terminal.new_console(stderr=True)
    terminal.say(console, message)
    return console


def _size(file: RemoteFile) -> str:
    return "of unknown size" if file.size is None else f"{file.size / _MIB:.1f} MiB"


def _unavailable(file: RemoteFile, url: str, why: str) -> Unavailable:
    return Unavailable(
        f"{file.what} must be available at {without_password(url)}; {file.otherwise}",
        why,
    )
