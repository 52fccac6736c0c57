"""Our exports against one of stock Keras, ONNX Runtime and OpenVINO, by batch size.

python benchmarks/serving.py [--repetitions=15] [--batches=1,2,4,8,16,32,64]

The same network with the same weights on the same prepared pictures (227×227,
float32, softmax included): exported by `model.export` from `AlexNet`, with its weights
in float32 and in bfloat16, and from the stock layers of `benchmarks/network.py`
(`Conv2D(groups=2)`, `tf.nn.local_response_normalization`), each in a session as in a
server; and our ONNX file in ONNX Runtime and in OpenVINO. Then the time of our export
from JPEG files to class names, and that of a server's first request after warm-up.

Besides the package it needs `keras-alexnet[onnx,openvino]` and `onnxruntime` (without
them those rows are skipped) and, for the warm-up requests, `keras-alexnet[serving]`.
Measured with onnxruntime 1.32 and OpenVINO 2026.4.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from interleaved import interleaved, ratio, show
from runtimes import onnx_session, openvino_model
from servables import Servable, decoded, jpegs, networks, pictures

import keras_alexnet
from keras_alexnet.half_precision import in_half_precision

OURS, STOCK = "keras_alexnet", "stock Keras"
NARROW = f"{OURS}, bfloat16"
ONNX, OPENVINO = "ONNX Runtime", "OpenVINO"
OPENVINO_NARROW = f"{OPENVINO}, bfloat16"
CHANNELS_FIRST = (ONNX, OPENVINO, OPENVINO_NARROW)
WHOLE = "keras_alexnet, predict_images"
_FRESH = 3  # processes that measure their first request
Network = Callable[[np.ndarray], np.ndarray]


def exported(model: keras.Model, path: Path) -> Network:
    model.export(str(path), verbose=False)
    return Servable(path).network()


def in_other_runtimes(model: keras.Model, path: Path) -> dict[str, Network]:
    """Our ONNX file in what is installed of the runtimes that read it."""
    names = [f"class {index}" for index in range(model.output_shape[1])]
    keras_alexnet.export_onnx(
        model, path, class_names=names, preprocessing="paper", inputs="prepared"
    )
    runtimes: dict[str, Callable[[], Network]] = {
        ONNX: lambda: onnx_session(path),
        OPENVINO: lambda: openvino_model(path, "f32"),
        OPENVINO_NARROW: lambda: openvino_model(path, "bf16"),
    }
    found = {}
    for name, opened in runtimes.items():
        try:
            found[name] = opened()
        except ImportError as error:
            print(f"without {name}: {error}")
    return found


def networks_compared(
    ours: keras.Model, stock: keras.Model, folder: Path
) -> dict[str, Network]:
    """The networks on prepared pictures; their scores are checked to be equal."""
    narrow = in_half_precision(ours, "bfloat16")
    found = {
        OURS: exported(ours, folder / "ours"),
        NARROW: exported(narrow, folder / "narrow"),
        STOCK: exported(stock, folder / "stock"),
        **in_other_runtimes(ours, folder / "alexnet.onnx"),
    }
    expected = found[STOCK](pictures(2))
    for name, network in found.items():
        scores = np.asarray(network(prepared(name, 2)), np.float32)
        # About 1/1000 each: an absolute bound alone would let any pass in bfloat16.
        rtol, atol = (0.1, 0) if "bfloat16" in name else (0, 1e-5)
        np.testing.assert_allclose(scores, expected, rtol, atol, err_msg=name)
    return found


def whole(export: Path) -> Network:
    """An export on decoded pictures: they are resized, cropped and prepared first."""
    servable = Servable(export)
    return lambda images: servable("predict_images", images=images)["probabilities"]


def prepared(name: str, batch: int) -> np.ndarray:
    """Pictures in the layout that a network reads; making them is not timed."""
    if name == WHOLE:
        return decoded(batch)
    images = pictures(batch)
    if name in CHANNELS_FIRST:
        return np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    return images


def case(name: str, network: Network, batch: int) -> Callable[[], object]:
    images = prepared(name, batch)
    return lambda: network(images)


def compare(found: dict[str, Network], batch: int, repetitions: int) -> None:
    times = interleaved(
        {name: case(name, network, batch) for name, network in found.items()},
        # Small batches take little time, so that noise weighs more.
        repetitions * max(1, 16 // batch),
    )
    show(f"batch of {batch}", times)
    for name, of_ours in (
        (STOCK, OURS),
        (ONNX, OURS),
        (OPENVINO, OURS),
        (OPENVINO_NARROW, NARROW),
    ):
        if name in times:
            ratio(times, name, of_ours, 1.0 if name == STOCK else None)
    print(f"  {OURS}: {1e3 * batch / np.median(times[OURS]):.1f} pictures/s")


def of_files(export: Path, batch: int, repetitions: int) -> None:
    """Times an export from JPEG files to class names."""
    servable, files = Servable(export), jpegs(batch)
    times = interleaved(
        {"classify_bytes": lambda: servable("classify_bytes", image_bytes=files)},
        repetitions,
    )
    show(f"batch of {batch} JPEG files, 500x375", times)
    median = np.median(times["classify_bytes"])
    print(f"  classify_bytes: {1e3 * batch / median:.1f} pictures/s")


def first_requests(export: Path) -> None:
    """The first request after warm-up against later ones, in fresh processes."""
    script = Path(__file__).with_name("serving_warmup.py")
    print("\nfirst request after warm-up, batch of 1 JPEG file")
    ratios = []
    for _ in range(_FRESH):
        times = []
        for flags in ((), ("--cold",)):
            done = subprocess.run(
                [sys.executable, str(script), str(export), *flags],
                capture_output=True,
                text=True,
                check=True,
            )
            times += [float(each) for each in done.stdout.split()]
        first, median, cold, _ = times
        ratios.append(first / median)
        print(f"  {first:6.1f} ms, later {median:6.1f} ms; without warm-up {cold:6.1f}")
    value = float(np.median(ratios))
    met = "met" if value <= 1.5 else "MISSED"
    print(f"  first / median: {value:.2f}  (goal 1.5: {met})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=15)
    parser.add_argument("--batches", default="1,2,4,8,16,32,64")
    arguments = parser.parse_args()
    batches = [int(each) for each in arguments.batches.split(",")]
    tf.get_logger().setLevel("ERROR")  # sessions are deprecated in Python
    print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}")
    print("medians of interleaved repetitions, 10th to 90th percentile in brackets")
    ours, stock = networks()
    with tempfile.TemporaryDirectory() as name:
        names = [f"class {index}" for index in range(ours.output_shape[1])]
        export = keras_alexnet.export_saved_model(
            ours, Path(name) / "servable", class_names=names, preprocessing="paper"
        )
        found = networks_compared(ours, stock, Path(name)) | {WHOLE: whole(export)}
        for batch in batches:
            compare(found, batch, arguments.repetitions)
        for batch in batches:
            of_files(export, batch, arguments.repetitions)
        first_requests(export)


if __name__ == "__main__":
    main()
