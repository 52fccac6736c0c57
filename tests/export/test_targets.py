"""Where exports are written: whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import keras
import pytest
from exported_forms import FORMS
from served_models import NAMES, served_model

FILES = [name for name in FORMS if name != "openvino"]


@pytest.fixture(scope="module")
def network() -> keras.Model:
    model = served_model()
    model.describe(class_names=NAMES)
    return model


def everything(folder: Path) -> list[str]:
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*"))


@pytest.mark.compat
@pytest.mark.parametrize("form", FILES)
def test_a_file_that_is_there_is_replaced_whole_or_kept(
    network: keras.Model, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / FORMS[form].name
    path.write_bytes(b"earlier")
    replace = os.replace

    def full(source: str, target: str) -> None:
        if Path(target) == path:
            assert Path(source).stat().st_size > 1000  # it was written beside
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OSError, match="No space left") as caught:
            FORMS[form].write(network, path)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"earlier"
    assert {*everything(tmp_path)} - {"alexnet.txt"} == {path.name}

    FORMS[form].write(network, path)
    assert path.stat().st_size > 1000
    assert {*everything(tmp_path)} - {"alexnet.txt"} == {path.name}


def test_a_version_that_is_there_is_kept(network: keras.Model, tmp_path: Path) -> None:
    write = FORMS["openvino"].write
    assert write(network, tmp_path / "new").name == "1"
    assert write(network, tmp_path / "new").name == "2"
    before = everything(tmp_path)
    with pytest.raises(ValueError, match=r"Received: version=2, .*holds \[1, 2\]"):
        write(network, tmp_path / "new", version=2)
    assert everything(tmp_path) == before


@pytest.mark.compat
@pytest.mark.parametrize("form", FORMS)
def test_a_place_that_cannot_be_written_to_is_one_line(
    network: keras.Model, form: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        ValueError, match=r"directory that can be.*Received: "
    ) as caught:
        FORMS[form].write(network, tmp_path / "file" / "within" / FORMS[form].name)
    assert "\n" not in str(caught.value)
    if form in FILES:
        with pytest.raises(ValueError, match=r"not a directory\. Received: path="):
            FORMS[form].write(network, tmp_path)
    assert everything(tmp_path) == ["file"]


@pytest.mark.parametrize("form", [name for name in FORMS if FORMS[name].module])
def test_a_package_that_is_missing_is_one_line_with_pips_command(
    network: keras.Model, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, FORMS[form].module, None)
    with pytest.raises(ValueError, match="pip install") as caught:
        FORMS[form].write(network, tmp_path / "new" / FORMS[form].name)
    assert f"pip install 'keras-alexnet[{FORMS[form].extra}]'. Received: " in str(
        caught.value
    )
    assert "\n" not in str(caught.value)
    assert not everything(tmp_path)


# In a process of its own: a limit on the size of files, which all libraries meet as
# they would meet a full disk.
LIMITED = """
import resource, sys
from pathlib import Path
sys.path[:0] = sys.argv[1].split(":")
from exported_forms import FORMS
from served_models import NAMES, served_model
model = served_model()
model.describe(class_names=NAMES)
import openvino  # and what it writes when it is imported
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
for name in sys.argv[2:]:
    try:
        FORMS[name].write(model, Path("new", name, FORMS[name].name))
        print(name, "was written")
    except OSError as error:
        print(name, repr(str(error)))
"""
REFERENCES = Path(__file__).parent.parent / "references"


@pytest.mark.compat
def test_a_disk_that_is_full_leaves_nothing(python, tmp_path: Path) -> None:
    forms = [name for name in FORMS if name != "tflite"]  # its converter needs more
    lines = python(LIMITED, str(REFERENCES), *forms).splitlines()
    told = [line for line in lines if line.split()[0] in FORMS]
    assert [line.split()[0] for line in told] == forms
    for name, line in zip(forms, told, strict=True):
        assert "was written" not in line, line
        assert f"new/{name}/" in line, line
    assert not [each for each in everything(tmp_path) if each.startswith("new")]


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [sys.argv[1]]
from exported_forms import FORMS
from served_models import NAMES, served_model
os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)
model = served_model()
model.describe(class_names=NAMES)
FORMS["keras"].write(model, Path(sys.argv[2]))
"""


@pytest.mark.compat
def test_what_a_killed_process_leaves_is_removed_by_the_next(
    network: keras.Model, python, tmp_path: Path
) -> None:
    path = tmp_path / "new" / FORMS["keras"].name
    with pytest.raises(AssertionError):
        python(KILLED, str(REFERENCES), str(path))
    assert len(everything(path.parent)) == 2  # a folder and a file in it
    assert not path.exists()
    FORMS["keras"].write(network, path)
    assert everything(path.parent) == [path.name]
