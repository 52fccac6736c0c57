"""In which layout an H100 would train, from the graph that TensorFlow makes for one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import tensorflow as tf
from small_models import computing_in
from virtual_gpu import moved, optimised
from virtual_gpu import ops as ops_of

from keras_alexnet import AlexNet
from keras_alexnet.ops import convolution
from keras_alexnet.ops.convolution import keep_channels_last
from keras_alexnet.weights.names import tensorflow_variable

BATCH = 128
Options = dict[str, Any]


@pytest.fixture
def a_gpu(monkeypatch: pytest.MonkeyPatch) -> Callable[[tuple[int, int]], Options]:
    """Makes TensorFlow report a GPU of some compute capability.

    Gives the options of its graph optimiser, as they are set from then on.
    """

    def report(capability: tuple[int, int]) -> Options:
        options: Options = {}
        gpus, details = {"GPU": ["GPU:0"]}, {"compute_capability": capability}
        optimiser, experimental = tf.config.optimizer, tf.config.experimental
        monkeypatch.setattr(
            tf.config, "get_visible_devices", lambda kind=None: gpus.get(kind, [])
        )
        monkeypatch.setattr(experimental, "get_device_details", lambda gpu: details)
        monkeypatch.setattr(optimiser, "set_experimental_options", options.update)
        monkeypatch.setattr(optimiser, "get_experimental_options", options.copy)
        return options

    return report


def gradients(precision: str) -> tuple[Callable, list[tf.TensorSpec]]:
    """Loss and gradients of the paper's network for a batch, and its inputs."""
    with computing_in(precision):
        model = AlexNet(classifier_activation=None)
    variables = [tensorflow_variable(each) for each in model.trainable_variables]

    def step(pictures: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            logits = tf.cast(model(pictures, training=True), tf.float32)
            loss = tf.reduce_sum(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            )
        found = tape.gradient(loss, variables)
        return [loss, *map(tf.identity, found)]

    side = model.input_shape[1]
    pictures = tf.TensorSpec([BATCH, side, side, 3])
    return step, [pictures, tf.TensorSpec([BATCH], tf.int64)]


def graph_of(step: Callable, specs: list[tf.TensorSpec]) -> tf.Graph:
    return tf.function(step).get_concrete_function(*specs).graph


@pytest.fixture
def _grouped_on_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The GPU runs grouped convolutions."""
    monkeypatch.setattr(convolution, "_kinds", lambda: ["CPU", "GPU"])
    for dtype in (tf.float32, tf.bfloat16):
        monkeypatch.setitem(convolution._known, ("GPU", dtype), True)


@pytest.mark.parametrize(
    ("precision", "before", "after"),
    [("float32", 17.1e9, 5.1e9), ("mixed_bfloat16", 17.6e9, 5.6e9)],
)
@pytest.mark.usefixtures("_grouped_on_gpu")
def test_a_step_of_128_moves_less_than_with_the_form_of_a_cpu(
    a_gpu: Callable,
    monkeypatch: pytest.MonkeyPatch,
    precision: str,
    before: float,
    after: float,
) -> None:
    monkeypatch.setenv("KERAS_ALEXNET_KERNELS", "composite")
    step, specs = gradients(precision)
    assert 0.97 * before < moved(graph_of(step, specs)) < before
    a_gpu((9, 0))
    step, specs = gradients(precision)
    assert 0.97 * after < moved(graph_of(step, specs)) < after


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.usefixtures("_grouped_on_gpu")
def test_an_h100_moves_no_maps_to_another_layout(
    a_gpu: Callable, precision: str
) -> None:
    options = a_gpu((9, 0))
    assert keep_channels_last()
    off = tuple(name for name, on in options.items() if not on)
    step, specs = gradients(precision)
    ops = ops_of(optimised(step, *specs, without=off))
    # The graph is whole: five convolutions with a gradient each, two normalisations.
    assert ops.count("Conv2D") + ops.count("_FusedConv2D") == 5
    assert ops.count("Conv2DBackpropFilter") == 5
    assert ops.count("LRN") == ops.count("LRNGrad") == 2
    assert ops.count("Transpose") == 0
    if precision == "float32":  # but with the optimiser of layouts there are some
        assert "Transpose" in ops_of(optimised(step, *specs))


def test_what_was_set_and_other_gpus_are_left_alone(a_gpu: Callable) -> None:
    assert not keep_channels_last()  # there is no GPU
    assert a_gpu((7, 5)) == {}
    assert not keep_channels_last()
    own = a_gpu((8, 6))
    own["layout_optimizer"] = True
    assert not keep_channels_last()
    assert own == {"layout_optimizer": True}


def test_float32_without_tf32_is_left_alone(a_gpu: Callable) -> None:
    options = a_gpu((9, 0))
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        assert not keep_channels_last()
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(True)
    assert options == {}
