"""The directory of claims: `NAME.json` and `NAME.png` of each, and a page over all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from keras_alexnet import files
from keras_alexnet.claims import drawing, page, result, wording
from keras_alexnet.claims.result import Result
from keras_alexnet.reasons import must_be

PAGE = "index.html"
_NAME = re.compile(r"[a-z0-9_]+")
_MOST_BYTES = 2**28  # of a page with its pictures
_OURS = f'<meta name="generator" content="{page.GENERATOR}">'


def check(directory: Path) -> None:
    """Raises ValueError if a report cannot be written there without loss.

    It must be new, or hold nothing but what earlier reports wrote: results of claims,
    their pictures, and the page.
    """
    if directory.exists() and not directory.is_dir():
        raise ValueError(
            "report must be a directory, which need not exist. "
            f"Received: report={str(directory)!r}, a file"
        )
    files.check_directory("report", directory)
    if not directory.is_dir():
        return
    files.remove_leftovers(directory)
    known = set(read(directory))
    for each in sorted(directory.iterdir()):
        own = each.suffix in (".json", ".png") and each.stem in known
        if not (own or (each.name == PAGE and _is_ours(each))):
            raise ValueError(
                "report must be a directory that is new, empty, or of earlier claims; "
                f"name another one. Received: report={str(directory)!r} "
                f"with {each.name!r}"
            )


def read(directory: Path) -> dict[str, Result]:
    """The results that are in a directory, by their names, in the paper's order.

    Files that hold no result are left out.
    """
    found = []
    for path in sorted(directory.glob("*.json")):
        try:
            each = result.read(path)
        except (OSError, ValueError):
            continue
        if each.name == path.stem:
            found.append(each)
    return {each.name: each for each in wording.in_order(found)}


def write(results: Sequence[Result], directory: Path) -> Path:
    """Writes results, their pictures, and the page over all that the directory has.

    Each file appears whole or not at all. Results of other claims stay; of the same
    claim the new one replaces the old.

    Args:
        results: What came of some claims.
        directory: New, or of earlier claims.

    Returns:
        The path of the page.

    Raises:
        ValueError: If the directory holds what is not ours, or a claim has a name that
            no file should have.
        OSError: If it cannot be written.
    """
    check(directory)
    for each in results:
        if not _NAME.fullmatch(each.name):
            raise must_be("name", "of small letters, digits and _", each.name)
    directory.mkdir(parents=True, exist_ok=True)
    for each in results:
        files.write_text(directory / f"{each.name}.json", result.to_json(each))
        files.write_bytes(directory / f"{each.name}.png", drawing.png(each))
    files.write_text(directory / PAGE, page.page(list(read(directory).values())))
    return directory / PAGE


def _is_ours(path: Path) -> bool:
    try:
        return _OURS in files.read_text(path, _MOST_BYTES)
    except (OSError, ValueError):
        return False
