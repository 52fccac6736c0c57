"""The doctor: what it says of an installation, whole or lacking something."""

from __future__ import annotations

import pytest
import tensorflow as tf

from keras_alexnet import doctor


@pytest.mark.compat
def test_it_tells_what_is_there(python) -> None:
    lines = python(
        "import runpy; runpy.run_module('keras_alexnet.doctor', run_name='__main__')"
    )
    assert f"TensorFlow               {tf.__version__}" in lines
    assert "KerasAlexnet>CrossConnect" in lines
    assert "kernels on this machine  native" in lines


def test_it_tells_what_to_do_without_the_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor.native, "_load", lambda: (None, "it was not built"))
    texts = [text for _, text in doctor.report()]
    assert "none: it was not built" in texts
    assert any("install a C++17 compiler" in text for text in texts)
    assert "composite" in texts


def test_it_tells_of_a_setting_that_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_ALEXNET_KERNELS", "fast")
    texts = [text for _, text in doctor.report()]
    assert any("Received: kernels='fast'" in text for text in texts)
