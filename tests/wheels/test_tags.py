"""A wheel's tag and what its library needs, by auditwheel, pyelftools and macholib."""

from __future__ import annotations

import dataclasses
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.wheels

LINUX = "manylinux_2_17_x86_64"
MACOS = "macosx_12_0_arm64"
FACTS = "keras_alexnet-0.dist-info/WHEEL"
LIBRARY = "keras_alexnet/ops/libkeras_alexnet.so"


def wheel_of(folder: Path, tag: str, files: dict[str, bytes], within: str = "") -> Path:
    """A wheel with these files, whose own tag is `within`, or that of its name."""
    path = folder / f"keras_alexnet-0-py3-none-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(FACTS, f"Tag: py3-none-{within or tag}\n")
        record = "".join(f"{name},,\n" for name in (FACTS, *files))
        archive.writestr(FACTS.replace("WHEEL", "RECORD"), record)
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def library_of(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(LIBRARY)


def compiled(folder: Path, target: str, code: str, *flags: str) -> bytes:
    """A small library, by Zig."""
    source, made = folder / "small.c", folder / "small.so"
    source.write_text(code)
    command = [sys.executable, "-m", "ziglang", "cc", "-target", target, "-shared"]
    subprocess.run([*command, *flags, source, "-o", made], check=True)
    return made.read_bytes()


def faults(wheel: Path) -> str:
    from checking import faults_in

    return "; ".join(faults_in(wheel))


def test_wheels_of_linux_are_what_their_tags_say(wheels: dict[str, Path]) -> None:
    assert {LINUX, "manylinux_2_17_aarch64", "any"} <= set(wheels)
    for wheel in wheels.values():
        assert faults(wheel) == ""


def test_an_older_tag_is_refused(
    wheels: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import checking

    older = LINUX.replace("17", "5")
    target = dataclasses.replace(checking.BY_TAG[LINUX], tag=older)
    monkeypatch.setitem(checking.BY_TAG, older, target)
    wheel = wheel_of(tmp_path, older, {LIBRARY: library_of(wheels[LINUX])})
    assert f"its symbols must be those of {older}" in faults(wheel)


def test_another_processor_is_refused(wheels: dict[str, Path], tmp_path: Path) -> None:
    tag = "manylinux_2_17_aarch64"
    wheel = wheel_of(tmp_path, tag, {LIBRARY: library_of(wheels[LINUX])})
    assert "it must be for aarch64. Received: EM_X86_64" in faults(wheel)


def test_what_else_a_library_may_not_be(tmp_path: Path) -> None:
    code = "int compress(void); int ours(void) { return compress(); }"
    zlib = compiled(tmp_path, "x86_64-linux-gnu.2.17", "int compress(void){return 0;}")
    (tmp_path / "libz.so").write_bytes(zlib)
    linked = [f"-L{tmp_path}", "-lz", "-g"]
    library = compiled(tmp_path, "x86_64-linux-gnu.2.17", code, *linked)
    found = faults(wheel_of(tmp_path, LINUX, {LIBRARY: library}))
    for expected in (
        "it must name libtensorflow_framework.so.2 as needed",
        "it must need no more than the C library",
        "it must be stripped",
        "it must export our two symbols. Received: ['ours']",
        "its policy knows no other library",
    ):
        assert expected in found


def test_a_later_macos_and_another_place_are_refused(tmp_path: Path) -> None:
    # By Apple's <mach-o/loader.h>: a header, and the one command LC_BUILD_VERSION.
    version = struct.pack("<6I", 0x32, 24, 1, 13 << 16, 13 << 16, 0)
    header = struct.pack("<8I", 0xFEEDFACF, 0x0100000C, 0, 6, 1, len(version), 0, 0)
    name = LIBRARY.replace(".so", ".dylib")
    found = faults(wheel_of(tmp_path, MACOS, {name: header + version}))
    assert "it must be named by its file alone" in found
    assert "it must run on macOS (12, 0). Received: (13, 0)" in found
    assert "it must need TensorFlow's and the system's" in found
    assert "it must look beside it for TensorFlow" in found


@pytest.mark.parametrize(
    ("tag", "files", "within", "expected"),
    [
        ("any", {LIBRARY: b""}, "", "must hold no library"),
        ("any", {}, LINUX, "the tag within must be that of the name"),
        (LINUX, {}, "", "it must hold libkeras_alexnet.so"),
        ("linux_x86_64", {LIBRARY: b""}, "", "the platform must be one of"),
    ],
)
def test_what_no_wheel_may_be(
    tmp_path: Path, tag: str, files: dict[str, bytes], within: str, expected: str
) -> None:
    assert expected in faults(wheel_of(tmp_path, tag, files, within))
