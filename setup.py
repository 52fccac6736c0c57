"""The build hook for native library and recipes, and the wheel's tag.

The rest is setup.cfg.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools below 70.1
    from wheel.bdist_wheel import bdist_wheel

ROOT = Path(__file__).resolve().parent
SUFFIX = "dylib" if sys.platform == "darwin" else "so"


def native_builder():
    """ops/build.py, which builds by hand too."""
    spec = importlib.util.spec_from_file_location("build_ops", ROOT / "ops/build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class BuildWithLibrary(build_py):
    """Copies the recipes, and builds the native library, where there is a compiler.

    Without one the package is whole all the same: its ops then run in stock
    TensorFlow, and `python -m keras_alexnet.doctor` says so.
    """

    def run(self):
        super().run()
        if self.editable_mode:
            return
        for source, copy in self.recipes.items():
            self.mkpath(str(copy.parent))
            self.copy_file(str(source), str(copy))
        builder = native_builder()
        try:
            builder.build_library(self.library, self.distribution.get_version())
        except (builder.BuildError, OSError) as error:
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
        return Path(self.build_lib) / f"keras_alexnet/ops/libkeras_alexnet.{SUFFIX}"

    def get_outputs(self, include_bytecode=True):
        built = [str(self.library)] if self.library.is_file() else []
        recipes = [str(copy) for copy in self.recipes.values()]
        return super().get_outputs(include_bytecode) + recipes + built


class PlatformWheel(bdist_wheel):
    """Tags the wheel by its platform alone: the library knows neither Python's nor
    TensorFlow's version. `py3-none-any` where it was not built."""

    def run(self):
        self.run_command("build")
        built = self.get_finalized_command("build_py").library.is_file()
        self.root_is_pure = not built
        self.distribution.has_ext_modules = lambda: built  # where install puts it all
        super().run()

    def get_tag(self):
        if self.root_is_pure:
            return "py3", "none", "any"
        return "py3", "none", super().get_tag()[2]


setup(cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel})
