"""Warm-up requests, which a server runs before it answers real ones.

The first request is slow: TensorFlow prepares an executor for each signature, and
oneDNN its kernels for each batch size.
"""

from __future__ import annotations

import functools
import io
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_alexnet.data import drawing
from keras_alexnet.weights.recipes import EXPORT_CARD

# https://www.tensorflow.org/tfx/serving/saved_model_warmup: where a server looks.
_PATH = Path(EXPORT_CARD).with_name("tf_serving_warmup_requests")
_BATCHES = (1, 8)
_SIZE = (160, 128)  # (width, height): small; the network works as long for any size

_log = logging.getLogger("keras_alexnet")

Request = tuple[str, dict[str, np.ndarray]]
_Signature = Mapping[str, tf.TensorSpec]


def requests(signatures: Mapping[str, _Signature]) -> Iterator[Request]:
    """Requests with drawn pictures, for signatures by name with their input specs."""
    for name, specs in signatures.items():
        for batch in _BATCHES:
            yield name, {key: _drawn(spec.dtype, batch) for key, spec in specs.items()}


def write(export: Path, signatures: Mapping[str, _Signature], model: str) -> None:
    """Writes the requests into an export, if `tensorflow-serving-api` is installed.

    Args:
        export: The version's directory.
        signatures: The specs of the inputs, by the signature's name.
        model: Name of the model on the server.
    """
    if not has_protos():
        _log.warning(
            "the export has no warm-up requests, and its first answers will be slow: "
            "pip install 'keras-alexnet[serving]' to include them"
        )
        return
    (export / _PATH).parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(export / _PATH)) as file:
        for name, inputs in requests(signatures):
            file.write(_record(model, name, inputs))


def has_protos() -> bool:
    """Whether the messages of TensorFlow Serving can be imported."""
    try:
        from tensorflow_serving.apis import prediction_log_pb2  # noqa: F401
    except ImportError:
        return False
    return True


def has_requests(export: Path) -> bool:
    """Whether an export has a file of warm-up requests."""
    return (export / _PATH).is_file()


def read(export: Path) -> Iterable[Request]:
    """The requests that an export holds.

    Raises:
        ValueError: If the file holds anything else.
    """
    from google.protobuf.message import DecodeError
    from tensorflow_serving.apis import prediction_log_pb2

    try:
        for record in tf.data.TFRecordDataset([str(export / _PATH)]):
            log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
            request = log.predict_log.request
            inputs = {
                key: tf.make_ndarray(value) for key, value in request.inputs.items()
            }
            yield request.model_spec.signature_name, inputs
    except (DecodeError, tf.errors.DataLossError, TypeError) as error:
        raise ValueError(
            "the warm-up requests must be a TFRecord of PredictionLog messages. "
            f"Received: {str(export / _PATH)!r} ({type(error).__name__})"
        ) from None


def _record(model: str, signature: str, inputs: Mapping[str, np.ndarray]) -> bytes:
    from tensorflow_serving.apis import prediction_log_pb2

    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for key, value in inputs.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return log.SerializeToString()


def _drawn(dtype: tf.DType, batch: int) -> np.ndarray:
    """JPEGs and PNGs in turn, or their pixels."""
    drawn = [_picture(index) for index in range(batch)]
    if dtype == tf.string:
        kinds = ("JPEG", "PNG")
        coded = [_coded(each, kinds[i % 2]) for i, each in enumerate(drawn)]
        return np.array(coded, object)
    return np.stack([np.asarray(each) for each in drawn]).astype(dtype.as_numpy_dtype)


@functools.cache
def _picture(index: int) -> Any:
    label = index % len(drawing.CLASS_NAMES)
    return drawing.draw(label, np.random.default_rng(index)).resize(_SIZE)


def _coded(picture: Any, kind: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()
