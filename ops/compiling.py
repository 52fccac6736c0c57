"""Compiles and links the library and the core's tests, for any target.

Only the kernels are compiled for particular instruction sets, once for each; the
library runs the best that the processor supports.
"""

from __future__ import annotations

import concurrent.futures
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from targets import NATIVE, Target

HERE = Path(__file__).resolve().parent
Unit = tuple[Path, str, list[str]]

COMMON = [
    "-std=c++17",
    "-fPIC",
    "-fvisibility=hidden",
    "-pthread",
    "-ffunction-sections",
    "-fdata-sections",
    "-Wall",
    "-Wextra",
    "-I.",
]
# Vector code need not set errno or keep floating-point traps, and may fuse
# multiplications with additions. Packs are passed between inlined functions only,
# so their ABI does not matter. GCC's own AVX-512 header causes warnings of
# -Wmaybe-uninitialized (GCC bug 105593), an option that Clang does not know.
KERNEL = [
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-Wno-psabi",
    "-Wno-unknown-warning-option",
    "-Wno-maybe-uninitialized",
    "-Wno-uninitialized",
]
AVX2 = ["-mavx2", "-mfma", "-mf16c"]
AVX512 = AVX2 + [
    "-mavx512f",
    "-mavx512bw",
    "-mavx512dq",
    "-mavx512vl",
    "-mprefer-vector-width=512",
]
# By processor; the kernels of `baseline` run on all of its kind.
LEVELS = {
    "x86_64": {
        "baseline": [],
        "avx2": [*AVX2, "-DKERAS_ALEXNET_LEVEL_AVX2"],
        "avx512": [*AVX512, "-DKERAS_ALEXNET_LEVEL_AVX512"],
    },
    "aarch64": {"baseline": [], "neon": ["-DKERAS_ALEXNET_LEVEL_NEON"]},
}
PROCESSORS = {
    "x86_64": ["-DKERAS_ALEXNET_X86"],
    "aarch64": ["-DKERAS_ALEXNET_ARM"],
}


class BuildError(Exception):
    """A failed build, with a message for the person who builds."""


def compiler(target: Target) -> list[str]:
    """The command that compiles C++17 for `target`.

    For this machine that is $CXX, or the first of c++, g++ and clang++ that is found;
    for the other targets Zig's.
    """
    if target.zig is not None:
        if importlib.util.find_spec("ziglang") is None:
            raise BuildError(
                "the package ziglang must be there to build for other machines; run "
                f"pip install --group release. Received: target={target.name}"
            )
        return [sys.executable, "-m", "ziglang", "c++", "-target", target.zig]
    if os.environ.get("CXX"):
        return shlex.split(os.environ["CXX"])
    for name in ("c++", "g++", "clang++"):
        if shutil.which(name):
            return [name]
    raise BuildError("no C++ compiler found: install g++ or clang++, or set CXX")


def run(command: Sequence[object]) -> None:
    """Runs a command and prints its output, which compilers have only on trouble.

    It runs in this folder and names sources relative to it: then the same sources give
    the same library, wherever they are.
    """
    done = subprocess.run(
        [str(part) for part in command],
        cwd=HERE,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.stdout:
        print(done.stdout, end="", file=sys.stderr)
    if done.returncode:
        raise BuildError(
            f"{shlex.join(map(str, command))} failed with exit code {done.returncode}"
        )


def units(target: Target, *folders: str) -> Iterator[Unit]:
    """(source, name of the object file, flags) of each file to compile."""
    for folder in folders:
        for source in sorted((HERE / folder).glob("*.cpp")):
            flags = PROCESSORS.get(target.machine, [])
            yield source.relative_to(HERE), f"{folder}_{source.stem}", flags
    for level, flags in LEVELS.get(target.machine, {"baseline": []}).items():
        yield Path("core/kernels/kernels.cpp"), f"kernels_{level}", [*KERNEL, *flags]


def compile_all(
    target: Target, sources: Iterable[Unit], flags: Sequence[str], folder: Path
) -> list[Path]:
    """The object files, compiled in parallel."""

    def compile_one(unit: Unit) -> Path:
        source, name, own = unit
        made = folder / f"{name}.o"
        run([*compiler(target), *COMMON, *flags, *own, "-c", source, "-o", made])
        return made

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
        return list(workers.map(compile_one, sources))


def stub_library(target: Target, folder: Path) -> Path:
    """An empty library with the name of TensorFlow's and the functions we use.

    We link against it, so that building needs no TensorFlow and cannot use other
    functions of it by mistake. When the op library is loaded, the process has
    TensorFlow's real library already.
    """
    header = (HERE / "adapter/tensorflow_c_api.h").read_text()
    names = sorted(set(re.findall(r"\b(TF_\w+)\(", header)))
    source = folder / "stub.cpp"
    source.write_text(
        "".join(
            f'extern "C" __attribute__((visibility("default"))) void {name}() {{}}\n'
            for name in names
        )
    )
    made = folder / target.tensorflow
    named = f"-Wl,-soname,{made.name}"
    if target.system == "darwin":
        named = f"-Wl,-install_name,@rpath/{made.name}"
    run([*compiler(target), "-shared", "-fPIC", "-nostdlib", named, source, "-o", made])
    return made


def link_flags(target: Target, folder: Path) -> list[object]:
    """Flags that leave no C++ symbol undefined and export only our functions."""
    stub = stub_library(target, folder)
    if target.system == "darwin":  # the two packages are neighbours in one folder
        return [
            stub,
            *(["-s"] if target.zig else []),
            f"-Wl,-install_name,@rpath/{target.library}",
            "-Wl,-rpath,@loader_path/../../tensorflow",
            "-Wl,-dead_strip",
        ]
    exports = folder / "exports.map"
    exports.write_text("{ global: keras_alexnet_*; local: *; };\n")
    return [
        *([] if target.zig else ["-static-libstdc++", "-static-libgcc"]),
        "-s",
        f"-Wl,--version-script={exports}",
        "-Wl,--gc-sections",
        "-Wl,-z,defs",
        "-Wl,--no-as-needed",
        stub,
        "-Wl,--as-needed",
    ]


def build_library(
    output: Path, version: str = "unknown", target: Target = NATIVE
) -> Path:
    """Builds the shared library; `output` is replaced only when it is complete."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        flags = ["-O3", f'-DKERAS_ALEXNET_VERSION="{version}"']
        sources = units(target, "core", "adapter")
        objects = compile_all(target, sources, flags, folder)
        made = folder / target.library
        command = [*compiler(target), "-O3", "-shared", "-pthread", *objects]
        run([*command, *link_flags(target, folder), "-o", made])
        partial = output.with_name(output.name + ".part")
        shutil.copy(made, partial)
        os.replace(partial, output)
    return output


def build_tests(target: Target, flags: Sequence[str], folder: Path) -> Path:
    """Builds the program of the core's tests, in `folder`."""
    objects = compile_all(target, units(target, "core", "tests"), flags, folder)
    program = folder / "core_tests"
    # Zig compiles its C++ library apart for what is stripped, as the library is.
    stripped = ["-s"] if target.zig else []
    run([*compiler(target), *flags, *stripped, "-pthread", *objects, "-o", program])
    return program
