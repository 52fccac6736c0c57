"""The files of an index: written whole, and refused if one of them has changed.

`index.json` names the others with their sizes and hashes; the name of each says what it
is and has the start of its hash. Arrays are `.npy` files, lists are JSON: nothing is
unpickled. A rebuilt index is complete within the old one before `index.json` is
replaced.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from keras_alexnet import files, json_schema
from keras_alexnet.extraction.identity import file_hash
from keras_alexnet.json_schema import Within
from keras_alexnet.reasons import reason
from keras_alexnet.recipe import Recipe

MANIFEST = "index.json"
FORMAT = 1
_OURS = re.compile(r"[a-z0-9_]+\.[0-9a-f]{12}\.(npy|json|bin)")
_HASH = re.compile(r"[0-9a-f]{64}")
_LARGEST_BATCH = 4096  # a question fills one up
_MOST = 1 << 40  # pictures, values or bytes: more is a damaged number


@dataclasses.dataclass(frozen=True)
class _Entry:
    """A file of the index."""

    name: str
    sha256: str
    bytes: Annotated[int, Within(0, _MOST)]


# What the manifest must hold, and more that is only shown.
_KINDS: dict[str, Any] = {
    "format": int,
    "pictures": Annotated[int, Within(1, _MOST)],
    "values": Annotated[int, Within(1, _MOST)],
    "components": Annotated[int, Within(0, _MOST)],
    "batch_size": Annotated[int, Within(1, _LARGEST_BATCH)],
    "layer": str,
    "codes": str,
    "data": str,
    "files": dict[str, _Entry],
    "model": dict,
    "recipe": dict | None,
}


def damaged(path: Path, what: str) -> ValueError:
    """The error for an index that is not as it was built, to raise."""
    return ValueError(
        "an index must be whole, as retrieve build wrote it; build it again. "
        f"Received: {str(path)!r} ({what})"
    )


def check_place(directory: Path) -> None:
    """Raises ValueError unless an index may be written there: it replaces only ours.

    Args:
        directory: New, empty, or with an index.
    """
    if not os.path.lexists(directory):
        files.check_directory("index", directory)
        return
    if not directory.is_dir():
        raise ValueError(
            f"index must be a directory, or new. Received: index={str(directory)!r}"
        )
    files.check_directory("index", directory)
    with os.scandir(directory) as entries:
        names = sorted(
            each.name for each in entries if not each.name.startswith(files.PREFIX)
        )
    others = [name for name in names if not _is_ours(name)]
    if others or (names and MANIFEST not in names):
        raise ValueError(
            "index must be a new directory, an empty one, or one with an index and "
            f"nothing else; name another one. Received: index={str(directory)!r} with "
            f"{(others or names)[0]!r}"
        )


def _is_ours(name: str) -> bool:
    return name == MANIFEST or _OURS.fullmatch(name) is not None


@contextlib.contextmanager
def new_files(directory: Path) -> Iterator[Path]:
    """Gives a folder to write in; its files become those of the index at the end.

    Args:
        directory: Of the index; as `check_place` admits it.
    """
    if directory.parent.is_dir():
        files.remove_leftovers(directory.parent)
    if not directory.exists():
        with files.whole_directory(directory) as folder:
            yield folder
        return
    files.remove_leftovers(directory)
    # Within it: it may be a link, the current folder, or on a disk of its own.
    with files.partial_directory(directory, "new") as folder:
        yield folder
        for path in sorted(folder.iterdir()):
            if path.name != MANIFEST:
                os.replace(path, directory / path.name)
        os.replace(folder / MANIFEST, directory / MANIFEST)
    held = {each["name"] for each in read(directory)["files"].values()}
    for path in directory.iterdir():
        if _is_ours(path.name) and path.name not in {*held, MANIFEST}:
            path.unlink()


def write_array(folder: Path, role: str, values: np.ndarray) -> None:
    """Writes an array as a file of its own."""
    np.save(folder / f"{role}.npy", values, allow_pickle=False)


def finish(folder: Path, facts: Mapping[str, Any]) -> None:
    """Names the files of a folder by their hashes, and writes the manifest."""
    held = {}
    for path in sorted(folder.iterdir()):
        digest = file_hash(path)
        name = f"{path.stem}.{digest[:12]}{path.suffix}"
        held[path.stem] = {
            "name": name,
            "bytes": path.stat().st_size,
            "sha256": digest,
        }
        path.rename(path.with_name(name))
    content = {"format": FORMAT, **facts, "files": held}
    text = json.dumps(content, indent=2, ensure_ascii=False)
    files.write_bytes(folder / MANIFEST, text.encode(errors="backslashreplace"))


def read(directory: Path) -> dict[str, Any]:
    """The manifest of an index, its own members checked; the files are not read.

    Raises:
        ValueError: If there is no index, it is damaged, or of a newer version.
    """
    path = directory / MANIFEST
    if not path.is_file():
        raise ValueError(
            "index must be a directory that retrieve build wrote. "
            f"Received: index={str(directory)!r}, without {MANIFEST}"
        )
    found = files.read_json(path, **_KINDS)
    if found["format"] != FORMAT:
        raise ValueError(
            f"an index must be of format {FORMAT}; build it again, or update "
            f"keras-alexnet. Received: {str(directory)!r} of {found['format']!r:.20}"
        )
    try:
        if found["recipe"] is not None:  # as of an export that records none
            Recipe.from_dict(found["recipe"])
    except ValueError as error:
        raise damaged(path, f"the recipe: {reason(error)}") from None
    if json_schema.fault(found["model"].get("path"), str) is not None:
        raise damaged(path, "the path of the model")
    for role, each in found["files"].items():
        whole = _OURS.fullmatch(each["name"]) and _HASH.fullmatch(each["sha256"])
        if whole is None:
            raise damaged(path, f"the file of {role!r:.40}")
    return found


def checked_path(directory: Path, manifest: Mapping[str, Any], role: str) -> Path:
    """The path of a file whose size and hash are those of the manifest.

    Raises:
        ValueError: If it is missing or has changed.
    """
    entry = manifest["files"].get(role)
    if entry is None:
        raise damaged(directory / MANIFEST, f"no file of {role!r}")
    path = directory / entry["name"]
    try:
        size = path.stat().st_size
        if size != entry["bytes"]:
            raise damaged(path, f"{size} of {entry['bytes']} bytes")
        if file_hash(path) != entry["sha256"]:
            raise damaged(path, "its content has changed")
    except OSError as error:
        raise damaged(path, reason(error)) from None
    return path


def read_array(
    directory: Path,
    manifest: Mapping[str, Any],
    role: str,
    shape: tuple[int, ...],
    dtype: str,
) -> np.ndarray:
    """An array of the index, mapped to memory.

    Raises:
        ValueError: If its file is missing, has changed, or is no array of this shape.
    """
    path = checked_path(directory, manifest, role)
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError, OverflowError) as error:
        raise damaged(path, reason(error)) from None
    if not isinstance(found, np.ndarray) or (found.shape, found.dtype) != (
        shape,
        np.dtype(dtype),
    ):
        raise damaged(path, f"no {dtype} array of shape {shape}")
    return found


def read_texts(
    directory: Path, manifest: Mapping[str, Any], role: str, count: int
) -> list[str]:
    """A list of texts of the index.

    Raises:
        ValueError: If its file is missing, has changed, or holds something else.
    """
    path = checked_path(directory, manifest, role)
    # Its hash is right, so it is as long as `build` wrote it: some 40 bytes a name.
    found = files.read_json(path, 2**32, names=list[str])["names"]
    if len(found) != count:
        raise damaged(path, f"not {count} names")
    return found
