"""The build hook for native library and recipes, and the wheel's tag.

The rest is setup.cfg. A wheel for another machine is asked for by its platform tag, as
in `bdist_wheel --plat-name=manylinux_2_17_aarch64`; `--plat-name=any` is the wheel
without a library.
"""

from __future__ import annotations

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools below 70.1
    from wheel.bdist_wheel import bdist_wheel

ROOT = Path(__file__).resolve().parent
sys.path.append(str(ROOT / "ops"))

from compiling import BuildError, build_library  # noqa: E402
from targets import NATIVE, TARGETS, Target  # noqa: E402

BY_TAG = {target.tag: target for target in TARGETS.values()}


class BuildWithLibrary(build_py):
    """Copies the recipes, and builds the native library, where there is a compiler.

    Without one the package is whole all the same: its ops then run in stock
    TensorFlow, and `keras-alexnet doctor` says so.
    """

    target: Target | None = NATIVE  # None: no library

    def run(self):
        super().run()
        if self.editable_mode:
            return
        for source, copy in self.recipes.items():
            self.mkpath(str(copy.parent))
            self.copy_file(str(source), str(copy))
        if self.target is None:
            self.library.unlink(missing_ok=True)  # of an earlier build
            return
        try:
            build_library(self.library, self.distribution.get_version(), self.target)
        except (BuildError, OSError) as error:
            if self.target is not NATIVE:
                raise
            self.warn(f"the native library was not built: {error}")

    @property
    def recipes(self) -> dict[Path, Path]:
        """configs/ in the package too: who has no checkout trains by them."""
        folder = Path(self.build_lib) / "keras_alexnet/configs"
        own = ROOT / "configs"
        sources = sorted([*own.rglob("*.flags"), *own.rglob("*.json")])
        return {source: folder / source.relative_to(own) for source in sources}

    @property
    def library(self) -> Path:
        target = self.target or NATIVE
        return Path(self.build_lib) / "keras_alexnet/ops" / target.library

    def get_outputs(self, include_bytecode=True):
        built = [str(self.library)] if self.library.is_file() else []
        recipes = [str(copy) for copy in self.recipes.values()]
        return super().get_outputs(include_bytecode) + recipes + built


class PlatformWheel(bdist_wheel):
    """Tags the wheel by its platform alone: the library knows neither Python's nor
    TensorFlow's version. `py3-none-any` where it was not built."""

    def run(self):
        building = self.get_finalized_command("build_py")
        if self.plat_name_supplied:
            known = {"any": None, **BY_TAG}
            if self.plat_name not in known:
                raise BuildError(
                    f"--plat-name must be one of {sorted(known)}. "
                    f"Received: plat_name={self.plat_name!r}"
                )
            building.target = known[self.plat_name]
        self.run_command("build")
        built = building.library.is_file()
        self.root_is_pure = not built
        self.distribution.has_ext_modules = lambda: built  # where install puts it all
        super().run()

    def get_tag(self):
        if self.root_is_pure:
            return "py3", "none", "any"
        if self.plat_name_supplied:
            return "py3", "none", self.plat_name
        return "py3", "none", super().get_tag()[2]


setup(cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel})
