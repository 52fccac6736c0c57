"""Whether a wheel's platform tag is true: what its library needs, and what it is.

For Linux the limits are those of the manylinux policies that `auditwheel` knows, the
GNU C library's own parts and TensorFlow's library; nothing of C++ may be left over.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from compiling import BuildError
from targets import TARGETS, Target

BY_TAG = {target.tag: target for target in TARGETS.values()}
# Parts of the GNU C library. Before its version 2.34 threads and dlopen were apart; the
# loader itself gives each thread its variables.
C_LIBRARY = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2"}
LOADERS = {"x86_64": "ld-linux-x86-64.so.2", "aarch64": "ld-linux-aarch64.so.1"}
ELF_MACHINES = {"x86_64": "EM_X86_64", "aarch64": "EM_AARCH64"}
MACOS_LIBRARIES = {"/usr/lib/libSystem.B.dylib"}
N_STAB = 0xE0  # the bits of what is for debuggers
MOST_BYTES = 2_000_000


def check_wheel(wheel: Path) -> None:
    """Raises BuildError where the wheel's library is not what its tag promises."""
    faults = list(faults_in(wheel))
    if faults:
        raise BuildError(f"{wheel.name}: {'; '.join(faults)}")


def faults_in(wheel: Path) -> Iterator[str]:
    """What is wrong with a wheel."""
    tag = wheel.stem.split("-")[-1]
    with zipfile.ZipFile(wheel) as archive:
        (facts,) = (name for name in archive.namelist() if name.endswith("/WHEEL"))
        tags = re.findall(r"^Tag: (.*)$", archive.read(facts).decode(), re.MULTILINE)
        libraries = {
            Path(name).name: archive.read(name)
            for name in archive.namelist()
            if re.search(r"\.(so|dylib)(\.|$)", name)
        }
    if tags != [f"py3-none-{tag}"]:
        yield f"the tag within must be that of the name. Received: {tags}"
    if tag == "any":
        if libraries:
            yield f"it must hold no library. Received: {sorted(libraries)}"
        return
    if tag not in BY_TAG:
        yield f"the platform must be one of {sorted(BY_TAG)}. Received: {tag}"
        return
    target = BY_TAG[tag]
    if set(libraries) != {target.library}:
        yield f"it must hold {target.library}. Received: {sorted(libraries)}"
        return
    library = libraries[target.library]
    if len(library) > MOST_BYTES:
        yield f"its library must be below {MOST_BYTES} bytes. Received: {len(library)}"
    if target.system == "darwin":
        yield from _faults_in_mach_o(library, target)
        return
    yield from _faults_in_elf(library, target)
    yield from _faults_by_auditwheel(wheel, target)


def _faults_in_elf(library: bytes, target: Target) -> Iterator[str]:
    from elftools.elf.elffile import ELFFile

    elf = ELFFile(io.BytesIO(library))
    if elf["e_machine"] != ELF_MACHINES[target.machine]:
        yield f"it must be for {target.machine}. Received: {elf['e_machine']}"
    debugging = [s.name for s in elf.iter_sections() if s.name.startswith(".debug")]
    if debugging or elf.get_section_by_name(".symtab"):
        yield "it must be stripped"
    needed = {
        entry.needed
        for entry in elf.get_section_by_name(".dynamic").iter_tags("DT_NEEDED")
    }
    if target.tensorflow not in needed:
        yield f"it must name {target.tensorflow} as needed. Received: {sorted(needed)}"
    surplus = needed - C_LIBRARY - {target.tensorflow, LOADERS[target.machine]}
    if surplus:
        yield f"it must need no more than the C library. Received: {sorted(surplus)}"
    symbols = list(elf.get_section_by_name(".dynsym").iter_symbols())
    exported = {s.name for s in symbols if s["st_shndx"] != "SHN_UNDEF"}
    if exported != {"keras_alexnet_describe", "keras_alexnet_copies"}:
        yield f"it must export our two symbols. Received: {sorted(exported)}"
    missing = {s.name for s in symbols if s["st_shndx"] == "SHN_UNDEF"}
    foreign = {name for name in missing if name.startswith("_Z")}
    if foreign:
        yield f"no C++ symbol may be undefined. Received: {sorted(foreign)}"


def _faults_by_auditwheel(wheel: Path, target: Target) -> Iterator[str]:
    """No symbol version above the tag's, by auditwheel, which knows the policies."""
    command = [sys.executable, "-m", "auditwheel", "show", "--json", str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        yield f"auditwheel: {done.stderr.strip()}"
        return
    found = json.loads(done.stdout)
    policy, asked = found["sym_tag"], target.tag or ""
    if _version(policy) > _version(asked):
        yield f"its symbols must be those of {asked}. Received: {policy}"
    others = set(found["external_libs"]) - {target.tensorflow}
    if others:
        yield f"its policy knows no other library. Received: {sorted(others)}"


def _version(tag: str) -> tuple[int, ...]:
    """2, 17 of manylinux_2_17_x86_64; above all others where no policy fits."""
    found = re.match(r"manylinux_(\d+)_(\d+)_", tag)
    return tuple(map(int, found.groups())) if found else (99,)


def _faults_in_mach_o(library: bytes, target: Target) -> Iterator[str]:
    from macholib.mach_o import (
        CPU_TYPE_NAMES,
        LC_BUILD_VERSION,
        LC_ID_DYLIB,
        LC_LOAD_DYLIB,
        LC_RPATH,
    )
    from macholib.MachO import MachO
    from macholib.SymbolTable import SymbolTable

    with tempfile.NamedTemporaryFile(suffix=".dylib") as file:
        file.write(library)
        file.flush()
        whole = MachO(file.name)
        symbols = SymbolTable(whole)
    (header,) = whole.headers
    if any(entry.n_type & N_STAB for entry, _ in getattr(symbols, "nlists", ())):
        yield "it must be stripped"
    if CPU_TYPE_NAMES[header.header.cputype] != "ARM64":
        yield f"it must be for ARM64. Received: {header.header.cputype}"
    named, needed, paths = set(), set(), set()
    for load, command, rest in header.commands:
        text = rest.split(b"\0")[0].decode() if isinstance(rest, bytes) else ""
        if load.cmd == LC_ID_DYLIB:
            named.add(text)
        elif load.cmd == LC_LOAD_DYLIB:
            needed.add(text)
        elif load.cmd == LC_RPATH:
            paths.add(text)
        elif load.cmd == LC_BUILD_VERSION:
            asked = tuple(map(int, re.findall(r"\d+", target.tag or "")[:2]))
            least = (command.minos >> 16, command.minos >> 8 & 0xFF)
            if least > asked:
                yield f"it must run on macOS {asked}. Received: {least}"
    if named != {f"@rpath/{target.library}"}:
        yield f"it must be named by its file alone. Received: {sorted(named)}"
    if needed - MACOS_LIBRARIES != {f"@rpath/{target.tensorflow}"}:
        yield f"it must need TensorFlow's and the system's. Received: {sorted(needed)}"
    if paths != {"@loader_path/../../tensorflow"}:
        yield f"it must look beside it for TensorFlow. Received: {sorted(paths)}"
