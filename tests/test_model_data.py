"""The data of a model: a run's own by default, divided as the run divided them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from keras_alexnet.data.division import Division
from keras_alexnet.model_data import (
    open_model_data,
    other_data,
    trained_on_others,
)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of ten pictures, none kept apart for validation."""
    root = tmp_path_factory.mktemp("plain")
    for kind, colour in (("red", (200, 0, 0)), ("blue", (0, 0, 200))):
        (root / kind).mkdir()
        for number in range(10):
            shade = tuple(min(255, each + number) for each in colour)
            Image.new("RGB", (8, 8), shade).save(root / kind / f"{number}.png")
    return root


def a_run(
    at: Path, data: Path, division: dict[str, Any] | None, val_share: float = 0.2
) -> str:
    """What a run says of its data: no more of it is read here."""
    at.mkdir()
    (at / "config.flags").write_text(
        f"--data=folder:{data}\n--val_share={val_share}\n--variant=paper\n"
        "--image_size=64\n"
    )
    content = {
        "class_names": ["blue", "red"],
        "sizes": {"train": 10, "validation": 10},
        "statistics": {"mean": [0, 0, 0]},
        "division": division,
    }
    (at / "data.json").write_text(json.dumps(content))
    return str(at)


@pytest.mark.compat
def test_a_folder_is_divided_as_the_run_divided_it(plain: Path, tmp_path: Path) -> None:
    """Else the network has been trained on some of the validation pictures."""
    run = a_run(tmp_path / "run", plain, {"val_share": 0.5, "seed": 3})
    for data in (None, f"folder:{plain}"):
        source = open_model_data([run], data)
        assert source.division == Division(0.5, 3)
        assert source.sizes == {"train": 10, "validation": 10}
    assert open_model_data(["imagenet"], f"folder:{plain}").sizes["validation"] == 4
    assert open_model_data([run], val_share=0.3).division == Division(0.3, 3)
    assert open_model_data([run, "imagenet"]).division == Division(0.5, 3)


def test_a_run_without_validation_pictures_has_none(
    plain: Path, tmp_path: Path
) -> None:
    run = a_run(tmp_path / "run", plain, None, val_share=0)
    assert open_model_data([run]).sizes == {"train": 20}


def test_runs_of_other_data_are_named(plain: Path, tmp_path: Path) -> None:
    one = a_run(tmp_path / "one", plain, None)
    other = a_run(tmp_path / "other", plain.parent, None)
    spec = f"folder:{plain}/../{plain.name}/"
    (line,) = trained_on_others([one, other, "imagenet"], spec)
    assert line.startswith(f"{other} was trained on other data (folder:{plain.parent})")
    assert len(trained_on_others([one, other], "shapes")) == 2


def test_what_cannot_be_decided_is_refused(plain: Path, tmp_path: Path) -> None:
    one = a_run(tmp_path / "one", plain, {"val_share": 0.5, "seed": 3})
    two = a_run(tmp_path / "two", plain, {"val_share": 0.5, "seed": 4})
    other = a_run(tmp_path / "other", plain.parent, None)
    with pytest.raises(ValueError, match="divided their folder alike"):
        open_model_data([one, two])
    assert open_model_data([one, two], val_share=0.5, seed=4).sizes["train"] == 10
    with pytest.raises(ValueError, match="--data must be given for runs of different"):
        open_model_data([one, other])
    with pytest.raises(ValueError, match=r"no run\. Received: --model=imagenet"):
        open_model_data(["imagenet"])


def test_other_data_are_others_however_they_are_written(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(tmp_path / "run", plain, None)
    monkeypatch.chdir(plain.parent)
    assert other_data(run, f"folder:{plain.name}") == ""
    assert other_data(run, f"folder:{plain.name}/red") == f"folder:{plain}"
    assert other_data("imagenet", "shapes") == ""
