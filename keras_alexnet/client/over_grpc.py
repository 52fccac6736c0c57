"""The client's side of TensorFlow Serving's gRPC interface."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from keras_alexnet.client.answers import Answer, Classify, Pictures, from_outputs
from keras_alexnet.client.target import SIGNATURE, Target

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
            outputs = {
                name: tf.make_ndarray(value) for name, value in response.outputs.items()
            }
            return from_outputs(outputs, len(pictures), target.server)

        yield classify


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
