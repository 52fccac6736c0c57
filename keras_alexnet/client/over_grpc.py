"""The client's side of TensorFlow Serving's gRPC interface."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from keras_alexnet.client.answers import (
    OUTPUTS,
    Answer,
    Classify,
    Pictures,
    from_outputs,
)
from keras_alexnet.client.target import SIGNATURE, Target
from keras_alexnet.reasons import reason

_MOST = 2**22  # values of an output: a thousand classes of 4,000 pictures
_FLOATS = (tf.float16, tf.bfloat16, tf.float32, tf.float64)
_KINDS = {
    "classes": (tf.string.as_datatype_enum,),
    "scores": tuple(each.as_datatype_enum for each in _FLOATS),
    "valid": (tf.bool.as_datatype_enum,),
}
EXTRA = "pip install 'keras-alexnet[serving]'"


@contextlib.contextmanager
def classifier(target: Target) -> Iterator[Classify]:
    """As `connect`, for a server that speaks gRPC."""
    grpc, protos = _modules()
    if target.scheme == "grpcs":
        channel = grpc.secure_channel(target.address, grpc.ssl_channel_credentials())
    else:
        channel = grpc.insecure_channel(target.address)
    with channel:
        stub = protos.PredictionServiceStub(channel)

        def classify(pictures: Pictures) -> list[Answer]:
            try:
                response = stub.Predict(_request(target, pictures), target.timeout)
            except grpc.RpcError as error:
                raise _explained(target, error) from None
            outputs = outputs_of(target, response)
            return from_outputs(outputs, len(pictures), target.server)

        yield classify


def outputs_of(target: Target, response: Any) -> dict[str, np.ndarray]:
    """The outputs of a `PredictResponse` that answer; others are not looked at.

    Raises:
        ValueError: If one has another type, or is larger than any answer.
    """
    held = response.outputs
    return {name: _array(target, name, held[name]) for name in OUTPUTS if name in held}


def _array(target: Target, name: str, value: Any) -> np.ndarray:
    """An output that was asked for; what a server declares is no measure of it."""
    sizes = [each.size for each in value.tensor_shape.dim]
    values = math.prod(sizes) if all(0 <= each <= _MOST for each in sizes) else math.inf
    if values > _MOST or value.dtype not in _KINDS[name]:
        raise target.refused(f"{name} of shape {sizes} and type {value.dtype}")
    try:
        found = tf.make_ndarray(value)
    except (TypeError, ValueError) as error:
        raise target.refused(f"{name} that are none: {reason(error)}") from None
    with np.errstate(over="ignore"):  # infinity, which is refused
        return found.astype(np.float32) if name == "scores" else found


def _modules() -> tuple[Any, Any]:
    try:
        import grpc
        from tensorflow_serving.apis import prediction_service_pb2_grpc
    except ImportError as error:
        raise ValueError(
            "grpc:// needs grpcio and tensorflow-serving-api; use http://, or "
            f"{EXTRA}. Received: {error}"
        ) from None
    return grpc, prediction_service_pb2_grpc


def _request(target: Target, pictures: Pictures) -> Any:
    from tensorflow_serving.apis import predict_pb2

    request = predict_pb2.PredictRequest()
    request.model_spec.name = target.model
    request.model_spec.signature_name = SIGNATURE
    if target.version is not None:
        request.model_spec.version.value = target.version
    if target.label is not None:
        request.model_spec.version_label = target.label
    images = tf.make_tensor_proto(list(pictures), tf.string, [len(pictures)])
    request.inputs["image_bytes"].CopyFrom(images)
    return request


def _explained(target: Target, error: Any) -> ValueError:
    code, details = error.code().name, error.details() or ""
    if code == "DEADLINE_EXCEEDED":
        return target.late()
    if code == "UNAVAILABLE":
        return target.unreachable(details)
    return target.refused(f"{code}: {details}")
