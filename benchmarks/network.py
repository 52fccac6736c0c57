"""AlexNet against the same network in stock Keras layers and in PyTorch.

python benchmarks/network.py [--repetitions=9] [--torch=PYTHON]

Inference and a training step (gradients, SGD with momentum and decay, dropout) of 64
pictures at 227×227, float32. `--torch` is the Python of an environment that has
PyTorch; `benchmarks/network_torch.py` runs there, in turns with ours.
"""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf
from interleaved import Times, interleaved, ratio, show

from keras_alexnet import AlexNet
from keras_alexnet.training import PaperSGD

BATCH, SIDE, CLASSES = 64, 227, 1000


class StockLRN(keras.layers.Layer):
    """`tf.nn.local_response_normalization` within each of two towers."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        halves = tf.split(x, 2, axis=-1)
        norm = tf.nn.local_response_normalization
        return tf.concat([norm(half, 2, 2.0, 1e-4, 0.75) for half in halves], axis=-1)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape


def stock_network() -> keras.Model:
    """The same network in Keras' own layers, with grouped convolutions."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((SIDE, SIDE, 3))])
    for filters, size, strides, groups, norm, pool in (
        (96, 11, 4, 1, True, True),
        (256, 5, 1, 2, True, True),
        (384, 3, 1, 1, False, False),
        (384, 3, 1, 2, False, False),
        (256, 3, 1, 2, False, True),
    ):
        padding = "valid" if strides > 1 else "same"
        options = {"strides": strides, "padding": padding, "groups": groups}
        model.add(layers.Conv2D(filters, size, activation="relu", **options))
        if norm:
            model.add(StockLRN())
        if pool:
            model.add(layers.MaxPooling2D(3, 2))
    model.add(layers.Flatten())
    for _ in range(2):
        model.add(layers.Dense(4096, activation="relu"))
        model.add(layers.Dropout(0.5))
    model.add(layers.Dense(CLASSES))
    return model


def inference(model: keras.Model, x: tf.Tensor) -> Callable[[], object]:
    run = tf.function(lambda x: model(x, training=False))
    return lambda: run(x)


def training(model: keras.Model, x: tf.Tensor) -> Callable[[], object]:
    classes = model.output_shape[-1]
    labels = tf.random.stateless_uniform([len(x)], [3, 4], 0, classes, tf.int32)
    optimizer = PaperSGD(1e-4)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(tf.cast(losses, tf.float32))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        return loss

    return lambda: step(x).numpy()


class Torch:
    """PyTorch in a separate process, which runs a case for each line sent to it."""

    def __init__(self, python: str) -> None:
        script = Path(__file__).with_name("network_torch.py")
        self._process = subprocess.Popen(
            [python, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, name: str) -> Callable[[], object]:
        def run() -> str:
            self._process.stdin.write(f"{name}\n")
            self._process.stdin.flush()
            return self._process.stdout.readline()

        return run

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def compare(
    title: str,
    measure: Callable[[keras.Model, tf.Tensor], Callable[[], object]],
    arguments: argparse.Namespace,
    goals: dict[str, float],
) -> None:
    x = tf.random.stateless_normal([BATCH, SIDE, SIDE, 3], [0, 1]) * 60
    ours = {"input_shape": (SIDE, SIDE, 3), "classifier_activation": None}
    cases = {
        "keras_alexnet": measure(AlexNet(**ours), x),
        "keras_alexnet, composite": measure(AlexNet(**ours, kernels="composite"), x),
        "stock Keras": measure(stock_network(), x),
    }
    torch = Torch(arguments.torch) if arguments.torch else None
    if torch is not None:
        cases["torch eager"] = torch(f"{title} eager")
        cases["torch.compile"] = torch(f"{title} compiled")
    times = interleaved(cases, arguments.repetitions)
    if torch is not None:
        torch.close()
    report(title, times, goals)


def report(title: str, times: Times, goals: dict[str, float]) -> None:
    rates = {name: 1e3 * BATCH / values for name, values in times.items()}
    show(f"{title}, {BATCH} pictures of {SIDE}x{SIDE}", rates, word="images/s")
    for name, goal in goals.items():
        if name in times:
            ratio(times, name, "keras_alexnet", goal)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--torch", help="Python that has PyTorch")
    arguments = parser.parse_args()
    print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}")
    compare(
        "inference", inference, arguments, {"stock Keras": 1.4, "torch.compile": 1.4}
    )
    compare("training", training, arguments, {"stock Keras": 4.0, "torch.compile": 1.6})


if __name__ == "__main__":
    main()
