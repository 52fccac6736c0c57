"""Weights in public repositories of the Hugging Face Hub: `hf://OWNER/REPOSITORY/FILE`.

A branch is looked up once, and then stays the commit that it was, so that the weights
of a program do not change by themselves; `@COMMIT` names one, and removing the file of
the cache that bears the branch's name looks it up again.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import urllib.parse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_alexnet import files, json_schema
from keras_alexnet.reasons import reason
from keras_alexnet.weights import cache
from keras_alexnet.weights.download import checked_address, download, read_address
from keras_alexnet.weights.formats.faults import DAMAGE
from keras_alexnet.weights.remote_files import GIT, RemoteFile

SCHEME = "hf://"
VARIABLE = "HF_ENDPOINT"  # as the Hub's own library has it

_PUBLIC = "https://huggingface.co"
_BRANCH = "main"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_REVISION = re.compile(r"[A-Za-z0-9._/-]{1,255}")
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MOST = 16 << 20  # bytes of a listing
_BY_HAND = "the path of a file that was downloaded by other means"
_ADDRESS = "hf://OWNER/REPOSITORY, hf://OWNER/REPOSITORY/FILE, and @REVISION behind it"


@dataclasses.dataclass(frozen=True)
class _Listed:
    """What the Hub states of a file: its bytes, and SHA-256 or git's hash of it."""

    size: int
    digest: str


@dataclasses.dataclass(frozen=True)
class _Place:
    """What an address names.

    Args:
        address: As it was given.
        repository: `OWNER/REPOSITORY`.
        file: The path of the file; empty for the only one that can be read.
        revision: A branch, a tag or a commit.
    """

    address: str
    repository: str
    file: str
    revision: str

    def remote(self, name: str, path: str) -> RemoteFile:
        """A file at the endpoint, by its path there."""
        endpoint = checked_address(VARIABLE, os.environ.get(VARIABLE) or _PUBLIC)
        return RemoteFile(
            f"the weights {self.address!r}",
            name,
            (f"{endpoint}/{path}",),
            None,
            (),
            f"check the name (private repositories are not read), set {VARIABLE} to a "
            "mirror, or download the file and give its path",
        )


def is_address(what: Any) -> bool:
    """Whether weights are given as an address of the Hub.

    Example:

    >>> is_address("hf://owner/alexnet"), is_address("runs/mine")
    (True, False)
    """
    return isinstance(what, str) and what.startswith(SCHEME)


def local(address: str, suffixes: Sequence[str]) -> Path:
    """Returns the path of a file of the Hub in the cache, downloaded on the first call.

    The file's size and its hash, which the Hub states, are checked. Later calls need
    no network.

    Args:
        address: `hf://OWNER/REPOSITORY`, which must have one file that can be read (or
            one `.safetensors` file), or `hf://OWNER/REPOSITORY/FILE`; behind it
            `@REVISION`, a branch, a tag or a commit, `@main` by default.
        suffixes: The endings of the files that can be read.

    Raises:
        ValueError: If it is no such address, there is no such file, or it cannot be
            downloaded or kept.

    Example:

    >>> local("hf://owner/alexnet/mine.pth", [".pth"])  # doctest: +SKIP
    """
    place = _place(address)
    if place.file:
        _check_suffix(place, suffixes)
    folder = cache.folder(repr(address)) / "hub" / place.repository
    commit = _commit(place, folder)
    listed = _listing(place, folder, commit)
    file = place.file or _only(place, listed, suffixes)
    if file not in listed:
        raise ValueError(
            "an address of the Hub must name a file of its repository, as "
            f"{', '.join(_readable(listed, suffixes)[:5]) or 'none that can be read'}. "
            f"Received: {address!r}"
        )

    def make(work: Path, made: Path) -> None:
        name = file.rpartition("/")[2]
        path = f"{place.repository}/resolve/{commit}/{urllib.parse.quote(file)}"
        size, digest = listed[file].size, listed[file].digest
        algorithm = GIT if len(digest) == 40 else "sha256"
        wanted = dataclasses.replace(
            place.remote(name, path), size=size, digests=((algorithm, digest),)
        )
        os.replace(download(wanted, work), made)

    return cache.kept(folder / commit / file, repr(address), _BY_HAND, make)


def _place(address: str) -> _Place:
    rest, _, revision = address[len(SCHEME) :].partition("@")
    parts = rest.split("/")
    valid = (
        len(parts) >= 2
        and all(_PART.fullmatch(part) for part in parts)
        and (not revision or _REVISION.fullmatch(revision))
        and ("@" in address) == bool(revision)
        and ".." not in revision.split("/")
    )
    if not valid:
        raise ValueError(
            f"an address of the Hub must be {_ADDRESS}. Received: {address!r}"
        )
    return _Place(
        address, "/".join(parts[:2]), "/".join(parts[2:]), revision or _BRANCH
    )


def _commit(place: _Place, folder: Path) -> str:
    """The commit of a revision: as it was when it was looked up first."""
    if _COMMIT.fullmatch(place.revision):
        return place.revision
    kept = folder / "revisions" / urllib.parse.quote(place.revision, safe="")

    def make(work: Path, made: Path) -> None:
        made.write_text(_asked(place)[0], encoding="utf-8")

    cache.kept(kept, repr(place.address), _BY_HAND, make)
    commit = files.read_text(kept).strip()
    if not _COMMIT.fullmatch(commit):
        raise ValueError(
            "the commit of a branch must be 40 hexadecimal digits; remove the file to "
            f"look it up again. Received: {str(kept)!r}"
        )
    return commit


def _listing(place: _Place, folder: Path, commit: str) -> dict[str, _Listed]:
    """Size and hash of each file of a commit, by its path."""
    kept = folder / "listings" / f"{commit}.json"

    def make(work: Path, made: Path) -> None:
        _, listed = _asked(dataclasses.replace(place, revision=commit))
        held = {
            "files": {name: dataclasses.asdict(each) for name, each in listed.items()}
        }
        made.write_text(json.dumps(held), encoding="utf-8")

    cache.kept(kept, repr(place.address), _BY_HAND, make)
    held = files.read_json(kept, files=dict[str, _Listed])["files"]
    return {name: _Listed(**each) for name, each in held.items()}


def _asked(place: _Place) -> tuple[str, dict[str, _Listed]]:
    """What the Hub says of a revision: its commit, and size and hash of its files."""
    revision = urllib.parse.quote(place.revision, safe="")
    path = f"api/models/{place.repository}/revision/{revision}?blobs=true"
    content = read_address(place.remote("its listing", path), _MOST)
    try:
        held = json_schema.loaded(content)
        if not _COMMIT.fullmatch(held["sha"]):
            raise ValueError("no commit")
        return held["sha"], _files(held.get("siblings") or [])
    except DAMAGE as error:
        raise ValueError(
            "the Hub must answer with the commit and the files of a repository; set "
            f"{VARIABLE} to another mirror. Received: {place.address!r}: "
            f"{reason(error)}"
        ) from None


def _files(siblings: list[dict[str, Any]]) -> dict[str, _Listed]:
    """Size and hash of the files of an answer; files without them are left out."""
    found: dict[str, _Listed] = {}
    for each in siblings:
        large = each.get("lfs") or {}
        name, size = each.get("rfilename"), large.get("size", each.get("size"))
        digest = large.get("sha256", each.get("blobId"))
        if not isinstance(name, str) or not isinstance(digest, str):
            continue
        safe = all(map(_PART.fullmatch, name.split("/")))
        if safe and _HASH.fullmatch(digest) and type(size) is int and size >= 0:
            found[name] = _Listed(size, digest)
    return found


def _readable(listed: dict[str, _Listed], suffixes: Sequence[str]) -> list[str]:
    return sorted(name for name in listed if name.endswith(tuple(suffixes)))


def _only(place: _Place, listed: dict[str, _Listed], suffixes: Sequence[str]) -> str:
    """The file of a repository that can be read, if there is a single one."""
    found = _readable(listed, suffixes)
    preferred = [name for name in found if name.endswith(".safetensors")]
    for names in (found, preferred):
        if len(names) == 1:
            return names[0]
    raise ValueError(
        "an address of the Hub must name the file, hf://OWNER/REPOSITORY/FILE, unless "
        f"one alone can be read ({', '.join(suffixes)}). Received: {place.address!r}, "
        f"which has {', '.join(found[:5]) or 'none'}"
    )


def _check_suffix(place: _Place, suffixes: Sequence[str]) -> None:
    if place.file.endswith(".keras"):
        raise ValueError(
            "a file of the Hub must hold weights alone: opening a .keras file runs "
            "what its configuration names; save its weights as .weights.h5 or "
            f".safetensors. Received: {place.address!r}"
        )
    if not place.file.endswith(tuple(suffixes)):
        raise ValueError(
            f"a file of the Hub must be one of {', '.join(suffixes)}. "
            f"Received: {place.address!r}"
        )
