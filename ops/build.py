#!/usr/bin/env python3
"""Builds and tests the op library with nothing but a C++17 compiler.

    python ops/build.py library [--output PATH]   the shared library
    python ops/build.py test                      the core's tests
    python ops/build.py asan                      the same under Address- and
                                                  UndefinedBehaviorSanitizer
    python ops/build.py tsan                      the same under ThreadSanitizer

The compiler is $CXX, or the first of c++, g++ and clang++ that is found. Only the
kernels are compiled for particular instruction sets, once for each; the library
runs the ones that the processor supports.
"""

import argparse
import concurrent.futures
import os
import pathlib
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
MACOS = sys.platform == "darwin"  # untested: the library was never built there
X86 = platform.machine().lower() in ("x86_64", "amd64")

COMMON = [
    "-std=c++17",
    "-fPIC",
    "-fvisibility=hidden",
    "-pthread",
    "-ffunction-sections",
    "-fdata-sections",
    "-Wall",
    "-Wextra",
    f"-I{HERE}",
]
# Vector code need not set errno or keep floating-point traps, and may fuse
# multiplications with additions. Packs are passed between inlined functions only,
# so their ABI does not matter. GCC's own AVX-512 header causes warnings of
# -Wmaybe-uninitialized (GCC bug 105593).
KERNEL = [
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-Wno-psabi",
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
LEVELS = {
    "baseline": [],
    "avx2": AVX2 + ["-DKERAS_ALEXNET_LEVEL_AVX2"],
    "avx512": AVX512 + ["-DKERAS_ALEXNET_LEVEL_AVX512"],
}

TESTS = {
    "test": ["-O3"],
    "asan": ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    "tsan": ["-O1", "-g", "-fsanitize=thread"],
}


class BuildError(Exception):
    """A failed build, with a message for the person who builds."""


def compiler():
    """The command that compiles C++17, as a list."""
    if os.environ.get("CXX"):
        return shlex.split(os.environ["CXX"])
    for name in ("c++", "g++", "clang++"):
        if shutil.which(name):
            return [name]
    raise BuildError("no C++ compiler found: install g++ or clang++, or set CXX")


def run(command):
    """Runs a command and prints its output, which compilers have only on trouble."""
    done = subprocess.run(
        [str(part) for part in command],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.stdout:
        print(done.stdout, end="", file=sys.stderr)
    if done.returncode:
        raise BuildError(
            f"{shlex.join(map(str, command))} failed with exit code {done.returncode}"
        )


def units(*folders):
    """(source, name of the object file, flags) of each file to compile."""
    for folder in folders:
        for source in sorted((HERE / folder).glob("*.cpp")):
            flags = ["-DKERAS_ALEXNET_X86"] if X86 else []
            yield source, f"{folder}_{source.stem}", flags
    for level in LEVELS if X86 else ["baseline"]:
        yield (
            HERE / "core/kernels/kernels.cpp",
            f"kernels_{level}",
            KERNEL + LEVELS[level],
        )


def compile_all(sources, flags, folder):
    """The object files, compiled in parallel."""

    def compile_one(unit):
        source, name, own = unit
        target = folder / f"{name}.o"
        run([*compiler(), *COMMON, *flags, *own, "-c", source, "-o", target])
        return target

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
        return list(workers.map(compile_one, sources))


def stub_library(folder):
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
    target = folder / "libtensorflow_framework.so.2"
    run(
        [
            *compiler(),
            "-shared",
            "-fPIC",
            "-nostdlib",
            f"-Wl,-soname,{target.name}",
            source,
            "-o",
            target,
        ]
    )
    return target


def link_flags(folder):
    """Flags that leave no C++ symbol undefined and export only our functions."""
    if MACOS:
        return ["-undefined", "dynamic_lookup"]
    exports = folder / "exports.map"
    exports.write_text("{ global: keras_alexnet_*; local: *; };\n")
    return [
        "-static-libstdc++",
        "-static-libgcc",
        f"-Wl,--version-script={exports}",
        "-Wl,--gc-sections",
        "-Wl,-z,defs",
        "-Wl,--no-as-needed",
        stub_library(folder),
        "-Wl,--as-needed",
    ]


def build_library(output, version="unknown"):
    """Builds the shared library; `output` is replaced only when it is complete."""
    output = pathlib.Path(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        flags = ["-O3", f'-DKERAS_ALEXNET_VERSION="{version}"']
        objects = compile_all(units("core", "adapter"), flags, folder)
        made = folder / output.name
        run(
            [
                *compiler(),
                "-shared",
                "-pthread",
                *objects,
                *link_flags(folder),
                "-o",
                made,
            ]
        )
        partial = output.with_name(output.name + ".part")
        shutil.copy(made, partial)
        os.replace(partial, output)
    return output


def run_tests(kind, arguments):
    """Builds the core's tests with the flags of `kind` and runs them."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        objects = compile_all(units("core", "tests"), TESTS[kind], folder)
        program = folder / "core_tests"
        run([*compiler(), *TESTS[kind], "-pthread", *objects, "-o", program])
        return subprocess.run([str(program), *arguments]).returncode


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("target", choices=["library", *TESTS])
    parser.add_argument(
        "--output", default="libkeras_alexnet.so", help="path of the library"
    )
    parser.add_argument(
        "--version",
        default="unknown",
        help="the version that keras_alexnet_describe() reports",
    )
    parser.add_argument("arguments", nargs="*", help="tests to run, by name")
    given = parser.parse_args()
    try:
        if given.target == "library":
            print(build_library(given.output, given.version))
            return 0
        return run_tests(given.target, given.arguments)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
