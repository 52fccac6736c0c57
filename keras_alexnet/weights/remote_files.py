"""Files elsewhere: what each must be, by size and hashes, and what is refused."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

MOST = 2 << 30  # bytes of a file of unknown size: no AlexNet's has more
# The hash that git gives to a file: SHA-1 of its size and its content.
GIT = "git"

_CHUNK = 1 << 20


@dataclasses.dataclass(frozen=True)
class RemoteFile:
    """A file that can be downloaded, and what it must be.

    Args:
        what: What it is, for messages, as "the weights 'imagenet'".
        name: Its name.
        urls: Addresses of the very same bytes, in the order in which they are tried.
        size: Its bytes; `None` if unknown.
        digests: The hashes that it must have, as `(algorithm, digest)`, hexadecimal;
            an algorithm of `hashlib`, or `GIT`.
        otherwise: What to do if no address has it.
    """

    what: str
    name: str
    urls: tuple[str, ...]
    size: int | None
    digests: tuple[tuple[str, str], ...]
    otherwise: str

    def __str__(self) -> str:
        """Its name, with its hash if one is known."""
        known = [f" ({algorithm} {digest})" for algorithm, digest in self.digests]
        return f"{self.name}{''.join(known[:1])}"


class Refused(ValueError):
    """A file that is not used, and why.

    Args:
        expected: What must be, and what can be done.
        received: What was found.
    """

    def __init__(self, expected: str, received: str) -> None:
        super().__init__(f"{expected}. Received: {received}")
        self.expected, self.received = expected, received


class Unavailable(Refused):
    """A file that cannot be had."""

    def or_else(self, instead: str) -> Unavailable:
        """The same error, which says what else can be done."""
        return Unavailable(f"{self.expected}; {instead}", self.received)


class WrongFile(Refused):
    """A file of another size or with another hash."""


def check(file: RemoteFile, path: Path, what: str, then: str) -> None:
    """Checks a file's size and all of its hashes.

    Args:
        file: What it must be.
        path: The file.
        what: How the message calls it.
        then: What becomes of a file that is another one.

    Raises:
        WrongFile: If it is another one.
    """
    size = path.stat().st_size
    if size > MOST if file.size is None else size != file.size:
        expected = f"at most {MOST:,}" if file.size is None else f"{file.size:,}"
        raise WrongFile(f"{what} must have {expected} bytes; {then}", f"{size:,} bytes")
    found = digests_of(path, tuple(algorithm for algorithm, _ in file.digests))
    for (algorithm, digest), (_, received) in zip(file.digests, found, strict=True):
        if digest != received:
            raise WrongFile(
                f"{what} must have {algorithm} {digest}; {then}",
                f"{algorithm} {received}",
            )


def digests_of(path: Path, algorithms: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Several hashes of a file, read once.

    Args:
        path: The file.
        algorithms: Names that `hashlib` knows, or `GIT`.

    Returns:
        Pairs `(algorithm, digest)`, hexadecimal.

    Example:

    >>> digests_of(Path("/dev/null"), ("git",))
    (('git', 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'),)
    """
    running = [hashlib.new("sha1" if a == GIT else a) for a in algorithms]
    for algorithm, digest in zip(algorithms, running, strict=True):
        if algorithm == GIT:  # Pro Git, section 10.2
            digest.update(b"blob %d\0" % path.stat().st_size)
    with open(path, "rb") as content:
        while chunk := content.read(_CHUNK):
            for digest in running:
                digest.update(chunk)
    return tuple(
        (algorithm, digest.hexdigest())
        for algorithm, digest in zip(algorithms, running, strict=True)
    )
