"""What all tests share. They prove the installed package, not the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# `python -m pytest` puts the checkout first on the path; the package that people
# get is the installed one.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from PIL import Image  # noqa: E402

Script = Callable[..., subprocess.CompletedProcess]


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Deselects what needs a GPU, or other tools, unless `-m` asks for it."""
    for marker in ("gpu", "site", "wheels"):
        if marker in config.getoption("markexpr"):
            continue
        left_out = [item for item in items if item.get_closest_marker(marker)]
        if left_out:
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if not item.get_closest_marker(marker)]


def write_pictures(folder: Path, label: int, count: int, seed: int) -> None:
    """JPEGs of one colour and some noise: red-like, green-like, blue-like by label."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for index in range(count):
        height, width = rng.integers(70, 110, 2)
        pixels = rng.normal(60, 20, (height, width, 3))
        pixels[..., label % 3] += 120
        picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        picture.save(folder / f"{index:03d}.jpg", quality=95)


@pytest.fixture(autouse=True)
def _no_line_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps progress out of what a slow machine prints: a line every 15 seconds."""
    from keras_alexnet import live_line

    monkeypatch.setattr(live_line, "_PLAIN_EVERY", float("inf"))


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that `--data=folder:DIR` takes: three classes, 8 and 3 pictures each."""
    root = tmp_path_factory.mktemp("pictures")
    for label, name in enumerate(("blue", "green", "red")[::-1]):
        write_pictures(root / "train" / f"{label}_{name}", label, 8, seed=label)
        write_pictures(root / "val" / f"{label}_{name}", label, 3, seed=10 + label)
    return root


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Path:
    """A finished run on `pictures` with all its state; its export in `RUN/servable`."""
    from keras_alexnet.training import Trainer, TrainingConfig

    path = tmp_path_factory.mktemp("finished") / "run"
    config = TrainingConfig(
        data=f"folder:{pictures}",
        image_size=64,
        batch_size=8,
        epochs=2,
        steps_per_epoch=2,
        keep_optimizer=True,
        model_dir=str(path),
        export_dir=str(path / "servable"),
    )
    assert Trainer(config).fit().fresh
    return path


@pytest.fixture(scope="session")
def shapes_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the embedded data set is kept for these tests."""
    return str(tmp_path_factory.mktemp("tensorflow_datasets"))


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Runs `python scripts/NAME.py …` as a person does, somewhere else."""

    def call(name: str, *arguments: str, **environment: str) -> object:
        kept = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
        return subprocess.run(
            [sys.executable, str(ROOT / "scripts" / f"{name}.py"), *arguments],
            cwd=tmp_path,
            env={**kept, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return call


@pytest.fixture
def predict(capsys: pytest.CaptureFixture) -> Callable[..., tuple[int, str, str]]:
    """Runs `predict` within this process; gives exit code, output and errors."""
    from keras_alexnet import commands

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            commands.main(["keras-alexnet", "predict", *arguments])
        return (caught.value.code, *capsys.readouterr())

    return call


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., str]:
    """Runs code in a Python of its own, somewhere else; gives its standard output."""

    def call(code: str, *arguments: str, **environment: str) -> str:
        result = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr[-3000:]
        return result.stdout

    return call
