"""Which implementation runs where."""

from __future__ import annotations

import ctypes
import json
import shutil
from pathlib import Path

import pytest
import tensorflow as tf

from keras_alexnet.ops import dispatch, native
from keras_alexnet.ops.dispatch import use_native

X = tf.zeros([1, 2, 2, 4])


def in_a_graph(setting: str, device: str | None = None, jit: bool = False) -> bool:
    """Whether native is chosen while a function is traced."""
    chosen = []

    @tf.function(jit_compile=jit)
    def traced(x: tf.Tensor) -> tf.Tensor:
        with tf.device(device):
            chosen.append(use_native(setting, [x]))
        return x

    traced.get_concrete_function(X)
    return chosen[0]


@pytest.fixture
def a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes TensorFlow report a visible GPU, on which nothing can run."""
    for name in ("list_physical_devices", "get_visible_devices"):
        monkeypatch.setattr(tf.config, name, lambda kind=None: [kind])


def test_on_a_cpu_it_is_the_native_one() -> None:
    assert use_native("auto", [X])
    assert in_a_graph("auto")
    assert not use_native("composite", [X])


def test_a_visible_gpu_decides_in_a_graph_without_a_scope(a_gpu: None) -> None:
    assert use_native("auto", [X])  # eagerly the tensor is on the CPU
    assert not in_a_graph("auto")
    assert in_a_graph("auto", device="/CPU:0")
    assert not in_a_graph("auto", device="/GPU:0")


def test_a_hidden_gpu_decides_nothing(
    a_gpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As `--devices=CPU:0` hides it.
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind=None: [])
    assert in_a_graph("auto")


def test_within_xla_it_is_the_composite() -> None:
    assert not in_a_graph("auto", jit=True)
    with pytest.raises(ValueError, match="Received: a function that XLA compiles"):
        in_a_graph("native", jit=True)


def test_the_environment_sets_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(dispatch.VARIABLE, "composite")
    assert not use_native("auto", [X])
    assert use_native("native", [X])
    monkeypatch.setenv(dispatch.VARIABLE, "fast")
    with pytest.raises(ValueError, match="Received: kernels='fast'"):
        use_native("auto", [X])


def test_without_the_library_it_is_the_composite(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    native._load.cache_clear()
    monkeypatch.setattr(native, "LIBRARY", tmp_path / "libkeras_alexnet.so")
    try:
        assert native.native_library() is None
        assert not use_native("auto", [X])
        with pytest.raises(ValueError, match=r"Received: .*was not built"):
            use_native("native", [X])
        (tmp_path / "libkeras_alexnet.so").write_bytes(b"not a library")
        native._load.cache_clear()
        with pytest.raises(ValueError, match=r"Received: .*did not load"):
            use_native("native", [X])
    finally:
        native._load.cache_clear()


def test_it_runs_on_the_best_vectors_that_the_system_reports() -> None:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    reported = {
        flag
        for line in lines
        if line.startswith(("flags", "Features"))  # on x86-64, and on AArch64
        for flag in line.split()
    }
    avx512 = {"avx512f", "avx512bw", "avx512dq", "avx512vl"}
    needed = {
        "avx512_bf16": {"avx2", "fma", "f16c", *avx512, "avx512_bf16"},
        "avx512": {"avx2", "fma", "f16c", *avx512},
        "avx2": {"avx2", "fma", "f16c"},
        "neon": {"asimd"},
        "baseline": set(),
    }
    expected = [level for level, flags in needed.items() if flags <= reported]
    assert native.describe()["isa_usable"] == expected


def test_a_second_copy_of_the_library_registers_nothing(tmp_path: Path) -> None:
    # It would register every kernel twice, and TensorFlow would run none of them.
    other = shutil.copy(native.native_library(), tmp_path / "other.so")
    describe = ctypes.CDLL(str(other)).keras_alexnet_describe
    describe.restype = ctypes.c_char_p
    described = json.loads(describe())
    assert described["ops"] == []
    assert "another copy of the library is loaded" in described["error"]
    assert use_native("auto", [X])


def test_the_portable_form_in_place_of_a_native_one_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def lines() -> list[str]:
        native.log_its_absence.cache_clear()
        caplog.clear()
        use_native("auto", [tf.zeros([1], tf.int32)])  # has no native form
        use_native("composite", [X])  # is what was asked for
        assert not caplog.messages
        for _ in range(2):
            use_native("auto", [X])
        return caplog.messages

    assert lines() == []
    monkeypatch.setattr(native, "_load", lambda: (None, "it was not built"))
    try:
        (line,) = lines()
        assert "it was not built; install" in line
        monkeypatch.setattr(native, "SYSTEM", "win32")
        assert lines() == []
    finally:
        native.log_its_absence.cache_clear()


def test_a_type_without_a_kernel_is_named() -> None:
    with pytest.raises(ValueError, match="Received: dtype=int32"):
        use_native("native", [tf.zeros([1], tf.int32)])
