"""The sdist, and from it the wheels for all platforms: the same bytes each time."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from checking import check_wheel
from compiling import BuildError
from targets import TARGETS

ROOT = Path(__file__).resolve().parent.parent
# Zip archives know no earlier time: 1980-01-01.
_EARLIEST = 315532800


def build_wheels(out: Path, names: Sequence[str]) -> list[Path]:
    """Builds the wheels of the checkout for the targets of these names.

    `"any"` is the wheel without a library. Each wheel is checked before it appears in
    `out`.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy_checkout(Path(folder, "checkout"))
        when = commit_time("HEAD")
        sdist = build_sdist(Path(folder, "checkout"), Path(folder, "sdist"), when)
        return wheels_of(sdist, out, names, when)


def wheels_of(
    sdist: Path, out: Path, names: Sequence[str], when: int | None
) -> list[Path]:
    """Builds the wheels from what an sdist holds, and nothing else."""
    out.mkdir(parents=True, exist_ok=True)
    made = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            tree = Path(folder, name)
            with tarfile.open(sdist) as archive:
                archive.extractall(tree, filter="data")
            tag = "any" if name == "any" else TARGETS[name].tag
            option = f"--config-setting=--build-option=--plat-name={tag}"
            (source,) = tree.iterdir()
            wheel = _build(source, Path(folder, "made"), when, "--wheel", option)
            check_wheel(wheel)
            made.append(_moved(wheel, out))
            shutil.rmtree(tree)
    return made


def build_sdist(tree: Path, out: Path, when: int | None) -> Path:
    """Builds the sdist of a tree, whose time of all files is `when`."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        built = _build(tree, Path(folder), when, "--sdist")
        return _with_one_time(built, out / built.name, when)


def commit_time(revision: str) -> int | None:
    """SOURCE_DATE_EPOCH, or the time of a commit; None where there is neither."""
    if os.environ.get("SOURCE_DATE_EPOCH"):
        return int(os.environ["SOURCE_DATE_EPOCH"])
    if not (ROOT / ".git").exists():
        return None
    return int(git("log", "-1", "--format=%ct", f"{revision}^{{commit}}"))


def git(*arguments: str) -> str:
    """What Git prints, run in the checkout."""
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def copy_checkout(to: Path) -> None:
    """Copies what Git knows or could add; outside of a checkout, all files."""
    if not (ROOT / ".git").exists():
        shutil.copytree(ROOT, to, ignore=shutil.ignore_patterns("build", "dist"))
        return
    listing = git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in listing.split("\0"):
        if name and (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, to / name)


def _build(tree: Path, out: Path, when: int | None, kind: str, *options: str) -> Path:
    """Runs `python -m build`; the tools are those of this environment."""
    out.mkdir(parents=True, exist_ok=True)
    before = set(out.iterdir())
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    if when is not None:
        environment["SOURCE_DATE_EPOCH"] = str(max(when, _EARLIEST))
    command = [sys.executable, "-m", "build", "--no-isolation", kind, *options]
    done = subprocess.run(
        [*command, "--outdir", str(out), str(tree)],
        cwd=out,
        env=environment,
        umask=0o022,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BuildError(f"{' '.join(command)} failed:\n{done.stdout}")
    (made,) = set(out.iterdir()) - before
    return made


def _with_one_time(built: Path, to: Path, when: int | None) -> Path:
    """Packs an sdist again, without what differs from build to build: times, owners,
    permissions and order. setuptools keeps them (pypa/setuptools#2133)."""
    if when is None:
        return _moved(built, to.parent)
    partial = to.with_name(to.name + ".part")
    with (
        tarfile.open(built) as old,
        partial.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=when) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for entry in sorted(old.getmembers(), key=lambda entry: entry.name):
            entry.mtime, entry.pax_headers = when, {}
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
            new.addfile(entry, old.extractfile(entry) if entry.isfile() else None)
    os.replace(partial, to)
    return to


def _moved(made: Path, out: Path) -> Path:
    """Puts a finished file into a folder, whole or not at all."""
    partial = out / f"{made.name}.part"
    shutil.copy(made, partial)
    os.replace(partial, out / made.name)
    return out / made.name
