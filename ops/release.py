"""What a tag releases: sdist, wheels, checksums, a bill of materials and the notes.

All of it follows from the tagged commit and the tools alone, so that anyone who builds
it again gets the same bytes.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import re
import subprocess
import tarfile
import tempfile
import uuid
from collections.abc import Sequence
from importlib.metadata import PathDistribution
from pathlib import Path
from zipfile import Path as InZip

from compiling import BuildError
from targets import TARGETS
from wheels import ROOT, build_sdist, commit_time, git, wheels_of

NAME = "keras-alexnet"
SUMS = "SHA256SUMS"


def build_release(
    tag: str, out: Path, names: Sequence[str] = (*TARGETS, "any")
) -> list[Path]:
    """Builds the release of the tagged commit into `out`, which must be empty.

    The tag must be `v` and the version that the commit has in `_version.py`,
    `CITATION.cff` and a section of `CHANGELOG.md`.
    """
    if out.exists() and any(out.iterdir()):
        raise BuildError(f"--out must be a new or an empty folder. Received: out={out}")
    if not git("tag", "--list", tag):
        raise BuildError(f"TAG must name a tag; git tag makes one. Received: {tag=}")
    when = commit_time(tag)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        with tarfile.open(fileobj=io.BytesIO(_archive(tag))) as archive:
            archive.extractall(tree, filter="data")
        version = checked_version(tree, tag)
        notes = section(tree.joinpath("CHANGELOG.md").read_text(), version)
        sdist = build_sdist(tree, out, when)
    made = [sdist, *wheels_of(sdist, out, names, when)]
    made.append(_written(out / f"{NAME}-{version}.notes.md", notes))
    bill = bill_of_materials(version, made, when or 0)
    made.append(_written(out / f"{NAME}-{version}.cdx.json", bill))
    sums = "".join(f"{_sha256(path)}  {path.name}\n" for path in sorted(made))
    return [*made, _written(out / SUMS, sums)]


def checked_version(tree: Path, tag: str) -> str:
    """The version that the tag names, if the tree has it everywhere."""
    version = tag.removeprefix("v")
    for name, line in {
        "keras_alexnet/_version.py": f'__version__ = "{version}"',
        "CITATION.cff": f"version: {version}",
    }.items():
        if line not in tree.joinpath(name).read_text().splitlines():
            raise BuildError(f"{name} must have the line {line}. Received: {tag=}")
    return version


def section(changelog: str, version: str) -> str:
    """What the changelog says of a version, with its heading."""
    heading = rf"## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n"
    whole = rf"^{heading}.*?(?=^## \[|\Z)"
    found = re.search(whole, changelog, re.DOTALL | re.MULTILINE)
    if found is None:
        raise BuildError(
            f"CHANGELOG.md must have a section '## [{version}] - YEAR-MONTH-DAY'. "
            f"Received: {version=}"
        )
    return found[0].rstrip() + "\n"


def bill_of_materials(version: str, made: Sequence[Path], when: int) -> str:
    """The bill as CycloneDX has it: the files, what they hold, what they need.

    What is needed is installed beside the package and has the ranges of `setup.cfg`;
    Zig links the parts of LLVM that C++ needs into the library.
    """
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.license import LicenseExpression
    from cyclonedx.output import make_outputter
    from cyclonedx.schema import OutputFormat, SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator
    from packageurl import PackageURL

    files = [
        Component(
            name=path.name,
            type=ComponentType.FILE,
            bom_ref=path.name,
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=_sha256(path))],
        )
        for path in made
    ]
    whole = Component(
        name=NAME,
        version=version,
        bom_ref=NAME,
        licenses=[LicenseExpression("Apache-2.0")],
        purl=PackageURL("pypi", None, NAME, version),
        components=files,
    )
    needed = [
        Component(
            name=name,
            bom_ref=name,
            purl=PackageURL("pypi", None, name),
            description=f"needed at run time: {requirement}",
        )
        for name, requirement in _requirements(made).items()
    ]
    linked = [
        Component(
            name=name,
            group="LLVM",
            version=_llvm_version(),
            bom_ref=name,
            licenses=[LicenseExpression("Apache-2.0 WITH LLVM-exception")],
            description="linked into the native library by Zig",
        )
        for name in ("libc++", "libc++abi", "libunwind")
    ]
    sums = "".join(map(_sha256, made))
    bom = Bom(
        components=[*needed, *linked],
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, sums),
        metadata=BomMetaData(
            component=whole,
            timestamp=datetime.datetime.fromtimestamp(when, datetime.timezone.utc),
        ),
    )
    bom.register_dependency(whole, [*needed, *linked])
    text = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6)
    written = text.output_as_string(indent=2) + "\n"
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(written)
    if fault:
        raise BuildError(f"the bill of materials: {fault}")
    return written


def _requirements(made: Sequence[Path]) -> dict[str, str]:
    """What the wheels require, without extras, by name."""
    from packaging.requirements import Requirement

    wheel = next(path for path in made if path.suffix == ".whl")
    (facts,) = (
        each for each in InZip(wheel).iterdir() if each.name.endswith(".dist-info")
    )
    listed = PathDistribution(facts).requires or []
    asked = [Requirement(line) for line in listed]
    return {each.name: str(each) for each in asked if each.marker is None}


def _llvm_version() -> str:
    """The version of LLVM's parts in Zig: `_LIBCPP_VERSION` 220108 is 22.1.8."""
    import ziglang

    config = Path(ziglang.__file__).parent / "lib/libcxx/include/__config"
    found = re.search(r"define _LIBCPP_VERSION (\d+)(\d\d)(\d\d)\n", config.read_text())
    return ".".join(str(int(part)) for part in found.groups()) if found else ""


def _archive(tag: str) -> bytes:
    command = ["git", "archive", "--format=tar", f"refs/tags/{tag}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
