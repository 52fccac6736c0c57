#!/usr/bin/env python3
"""Builds the op library, its tests, wheels and releases.

    python ops/build.py library [--output=PATH]   the shared library
    python ops/build.py test [NAME…]              the core's tests, or those so named
    python ops/build.py asan [NAME…]              the same under Address- and
                                                  UndefinedBehaviorSanitizer
    python ops/build.py tsan [NAME…]              the same under ThreadSanitizer
    python ops/build.py wheels --out=DIR          the wheels for all platforms
    python ops/build.py release TAG --out=DIR     wheels, sdist, checksums, SBOM and
                                                  notes of what a tag holds

The first four need a C++17 compiler alone: $CXX, or the first of c++, g++ and clang++.
With --target they build for another machine with Zig's, as `wheels` does, and the tests
run under QEMU. `pip install --group release` installs what that needs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from compiling import BuildError, build_library, build_tests
from targets import NAMED, NATIVE, TARGETS, Target

TESTS = {
    "test": ["-O3"],
    "asan": ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    "tsan": ["-O1", "-g", "-fsanitize=thread"],
}


def run_tests(kind: str, target: Target, names: list[str]) -> int:
    """Builds the core's tests with the flags of `kind` and runs them."""
    with tempfile.TemporaryDirectory() as folder:
        program = build_tests(target, TESTS[kind], Path(folder))
        command = [str(program), *names]
        environment = dict(os.environ)
        if target.machine != NATIVE.machine:
            command.insert(0, f"qemu-{target.machine}")
            environment["QEMU_LD_PREFIX"] = emulated_system(target)
        return subprocess.run(command, env=environment, check=False).returncode


def emulated_system(target: Target) -> str:
    """The folder with the C library of `target`, as Debian's libc6-ARCHITECTURE-cross
    has it; QEMU's own setting, where there is one."""
    return os.environ.get("QEMU_LD_PREFIX", f"/usr/{target.machine}-linux-gnu")


def build_for_people(given: argparse.Namespace) -> None:
    """Wheels, and a release: what needs more than a compiler."""
    if given.command == "wheels":
        from wheels import build_wheels

        made = build_wheels(given.out, given.target or [*TARGETS, "any"])
    else:
        from release import build_release

        made = build_release(given.tag, given.out)
    print(*made, sep="\n")


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = whole.add_subparsers(dest="command", required=True)
    library = commands.add_parser("library")
    library.add_argument("--output", type=Path, default=Path(NATIVE.library))
    library.add_argument(
        "--version", default="unknown", help="what keras_alexnet_describe() reports"
    )
    library.add_argument("--target", choices=NAMED, default=NATIVE.name)
    for kind in TESTS:
        tests = commands.add_parser(kind)
        tests.add_argument("names", nargs="*", help="parts of the names of tests")
        tests.add_argument("--target", choices=NAMED, default=NATIVE.name)
    wheels = commands.add_parser("wheels")
    wheels.add_argument("--out", type=Path, default=Path("dist"))
    wheels.add_argument(
        "--target", choices=[*TARGETS, "any"], action="append", help="one of them alone"
    )
    release = commands.add_parser("release")
    release.add_argument("tag")
    release.add_argument("--out", type=Path, default=Path("dist"))
    return whole


def main() -> int:
    given = parser().parse_args()
    try:
        if given.command == "library":
            target = NAMED[given.target]
            print(build_library(given.output, given.version, target))
        elif given.command in TESTS:
            return run_tests(given.command, NAMED[given.target], given.names)
        else:
            build_for_people(given)
        return 0
    except BuildError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
