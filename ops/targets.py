"""The systems and processors that the library is built for."""

from __future__ import annotations

import dataclasses
import platform
import sys


@dataclasses.dataclass(frozen=True)
class Target:
    """Where a library runs.

    Without `zig`, the target that Zig's compiler is given, the compiler of this machine
    builds it, and without `tag` its wheel has the platform tag of this machine.
    """

    name: str
    machine: str
    system: str
    zig: str | None = None
    tag: str | None = None

    @property
    def library(self) -> str:
        """The name of the library's file."""
        suffix = "dylib" if self.system == "darwin" else "so"
        return f"libkeras_alexnet.{suffix}"

    @property
    def tensorflow(self) -> str:
        """The name by which TensorFlow's own library is loaded."""
        if self.system == "darwin":
            return "libtensorflow_framework.2.dylib"
        return "libtensorflow_framework.so.2"


_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_MACHINE = platform.machine().lower()
NATIVE = Target("native", _MACHINES.get(_MACHINE, _MACHINE), sys.platform)

# Where TensorFlow 2.15 to 2.22 has wheels and the library can be built. They need glibc
# 2.17 or macOS 12, as TensorFlow's do; everywhere else the wheel without a library is
# installed.
TARGETS = {
    target.name: target
    for target in (
        Target(
            "x86_64-linux",
            "x86_64",
            "linux",
            "x86_64-linux-gnu.2.17",
            "manylinux_2_17_x86_64",
        ),
        Target(
            "aarch64-linux",
            "aarch64",
            "linux",
            "aarch64-linux-gnu.2.17",
            "manylinux_2_17_aarch64",
        ),
        Target(
            "aarch64-macos",
            "aarch64",
            "darwin",
            "aarch64-macos.12.0",
            "macosx_12_0_arm64",
        ),
    )
}
NAMED = {NATIVE.name: NATIVE, **TARGETS}
