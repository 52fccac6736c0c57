"""The doctor: what it says of an installation, whole or lacking something."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import pytest
import tensorflow as tf
from packaging.requirements import Requirement

from keras_alexnet import doctor
from keras_alexnet.ops import native


@pytest.mark.compat
def test_it_reports_what_is_installed(python) -> None:
    lines = python(
        "import runpy; runpy.run_module('keras_alexnet.doctor', run_name='__main__')"
    )
    assert f"TensorFlow               {tf.__version__}" in lines
    assert "KerasAlexnet>CrossConnect" in lines
    assert f"kernels on this machine  native, with {native.describe()['isa']}" in lines


@pytest.mark.compat
@pytest.mark.parametrize(
    ("system", "built", "advice"),
    [
        (
            "linux",
            False,
            "install the wheel of this platform, or a C++17 compiler and ",
        ),
        ("darwin", True, "install keras-alexnet again"),
        ("win32", False, "there is none for win32, where results are the same"),
    ],
)
def test_one_line_says_why_it_is_the_portable_form_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    system: str,
    built: bool,
    advice: str,
) -> None:
    library = tmp_path / "keras_alexnet" / "ops" / "library.so"
    library.parent.mkdir(parents=True)
    if built:
        library.write_bytes(b"")
    monkeypatch.setattr(native, "LIBRARY", library)
    monkeypatch.setattr(native, "_load", lambda: (None, "it was not built"))
    monkeypatch.setattr(native, "SYSTEM", system)
    line = dict(doctor.report())["kernels on this machine"]
    expected = "composite, in stock TensorFlow: it was not built; "
    assert line.startswith(expected + advice)


@pytest.mark.compat
def test_a_setting_is_the_reason_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_ALEXNET_KERNELS", "composite")
    line = dict(doctor.report())["kernels on this machine"]
    assert "KERAS_ALEXNET_KERNELS is set; unset it" in line


@pytest.mark.compat
@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("1", "1: tf.keras is "),
        ("True", "True: tf.keras is "),
        ("0", "0: without effect"),
        (None, None),
    ],
)
def test_it_reports_the_other_keras(
    monkeypatch: pytest.MonkeyPatch, setting: str | None, told: str | None
) -> None:
    monkeypatch.delenv("TF_USE_LEGACY_KERAS", raising=False)
    if setting is not None:
        monkeypatch.setenv("TF_USE_LEGACY_KERAS", setting)
    found = dict(doctor.report()).get("TF_USE_LEGACY_KERAS")
    assert (found is None) == (told is None)
    assert told is None or found.startswith(told)
    advice = [t for _, t in doctor.report() if "unset TF_USE_LEGACY_KERAS" in t]
    assert bool(advice) == (setting in ("1", "True"))


@pytest.mark.compat
def test_what_tensorflow_takes_for_the_other_keras(python) -> None:
    # By TensorFlow itself: what it takes `tf.keras` to be with each setting.
    code = (
        "import tensorflow as tf\n"
        "try: print(tf.keras.layers.Dense.__module__)\n"
        "except ImportError: print('tf_keras')"  # where it is not installed
    )
    for setting, legacy in (("1", True), ("True", True), ("0", False), ("yes", False)):
        lines = python(code, TF_USE_LEGACY_KERAS=setting).split("\n")
        assert lines[0].startswith("tf_keras") == legacy


@pytest.mark.compat
def test_the_command_is_the_module(capsys: pytest.CaptureFixture) -> None:
    from keras_alexnet import commands

    with pytest.raises(SystemExit) as caught:
        commands.main(["keras-alexnet", "doctor"])
    assert caught.value.code == 0
    assert f"TensorFlow               {tf.__version__}" in capsys.readouterr().out


@pytest.mark.compat
@pytest.mark.parametrize("there", [True, False])
def test_it_lists_the_packages_of_the_extras(
    monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    wanted: dict[str, str] = {}
    extras = ("seeing", "retrieval", "serving", "claims", "onnx", "openvino")
    for extra in (*extras, "safetensors", "litert"):  # claims has seeing's
        for line in importlib.metadata.requires("keras-alexnet") or ():
            one = Requirement(line)
            if one.marker is not None and one.marker.evaluate({"extra": extra}):
                wanted.setdefault(one.name, extra)
    if not there:
        for module, *_ in doctor.OPTIONAL.values():
            monkeypatch.setitem(sys.modules, module, None)
    found = dict(doctor.report())
    assert len(wanted) == 11
    for name, extra in wanted.items():
        expected = f"optional: pip install 'keras-alexnet[{extra}]'"
        if there:
            expected = importlib.metadata.version(name)
        assert found[name].startswith(f"{expected}  (")


def test_it_reports_an_invalid_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_ALEXNET_KERNELS", "fast")
    texts = [text for _, text in doctor.report()]
    assert any("Received: kernels='fast'" in text for text in texts)
