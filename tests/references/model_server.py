"""A double of TensorFlow Serving over `tf.saved_model.load`: gRPC, REST and batches.

The messages and services are those that `tensorflow-serving-api` publishes. Status
codes and words are those of TensorFlow Serving's source: `server_core.cc` (models,
versions, labels), `predict_util.cc` and `http_rest_api_util.cc` (signatures, which gRPC
calls FAILED_PRECONDITION and REST INVALID_ARGUMENT), and of its page on REST.
"""

from __future__ import annotations

import concurrent.futures
import threading
from pathlib import Path
from types import TracebackType

import grpc
import tensorflow as tf
from batching import Batcher
from rest_gateway import RestGateway
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

Code = grpc.StatusCode
DEFAULT = "serving_default"


class Refused(Exception):
    """An answer that is none: a status and its words."""

    def __init__(self, code: grpc.StatusCode, words: str) -> None:
        super().__init__(words)
        self.code, self.words = code, words


class ModelServer(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Serves exports on loopback, over gRPC and REST, while a `with` block lasts.

    Args:
        models: For each name the folder of its versions.
        labels: For each label its version, in every model.
        rows: Rows of a batch; see `Batcher`.
        held: Whether answers wait for `go`.
    """

    def __init__(
        self,
        models: dict[str, Path],
        labels: dict[str, int] | None = None,
        rows: int = 1,
        held: bool = False,
    ) -> None:
        self._models = {
            name: {
                int(path.name): tf.saved_model.load(str(path))
                for path in folder.iterdir()
                if path.name.isdecimal()
            }
            for name, folder in models.items()
        }
        self._labels = labels or {}
        self.batcher = Batcher(rows)
        self.requests: list[predict_pb2.PredictRequest] = []
        self.go = threading.Event()
        if not held:
            self.go.set()

    def __enter__(self) -> ModelServer:
        self._pool = concurrent.futures.ThreadPoolExecutor(4)
        self._server = grpc.server(self._pool)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            self, self._server
        )
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        self._gateway = RestGateway(self)
        self.grpc = f"grpc://127.0.0.1:{port}"
        self.http = f"http://127.0.0.1:{self._gateway.port}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.go.set()
        self.batcher.close()
        self._server.stop(None).wait()
        self._pool.shutdown()
        self._gateway.close()

    def Predict(
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        try:
            return self.predict(request)
        except Refused as refused:
            context.abort(refused.code, refused.words)

    def predict(
        self, request: predict_pb2.PredictRequest
    ) -> predict_pb2.PredictResponse:
        """The answer, or `Refused`."""
        self.requests.append(request)
        self.go.wait()
        signature = self.signature(request.model_spec)
        _, wanted = signature.structured_input_signature
        if set(wanted) != set(request.inputs):
            raise Refused(Code.INVALID_ARGUMENT, f"input keys must be {sorted(wanted)}")
        inputs = {
            name: tf.constant(tf.make_ndarray(value))
            for name, value in request.inputs.items()
        }
        try:
            outputs = self.batcher.run(signature, inputs)
        except (tf.errors.OpError, ValueError) as error:
            raise Refused(Code.INVALID_ARGUMENT, str(error)) from error
        response = predict_pb2.PredictResponse(model_spec=request.model_spec)
        for name, tensor in outputs.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(tensor.numpy()))
        return response

    def versions(self, name: str) -> list[int]:
        """The versions of a model, the newest first; none if it is not there."""
        return sorted(self._models.get(name, {}), reverse=True)

    def signature(self, spec: predict_pb2.PredictRequest) -> object:
        """What a `ModelSpec` names, or `Refused`."""
        signatures = self.version(spec).signatures
        name = spec.signature_name or DEFAULT
        if name not in signatures:
            raise Refused(
                Code.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.'
            )
        return signatures[name]

    def version(self, spec: predict_pb2.PredictRequest) -> object:
        versions = self._models.get(spec.name)
        if versions is None:
            raise Refused(
                Code.NOT_FOUND, f"Servable not found for request: Latest({spec.name})"
            )
        number = max(versions)
        if spec.HasField("version"):
            number = spec.version.value
        elif spec.HasField("version_label"):
            if spec.version_label not in self._labels:
                raise Refused(
                    Code.INVALID_ARGUMENT,
                    f"Unrecognized servable version label: {spec.version_label}",
                )
            number = self._labels[spec.version_label]
        if number not in versions:
            words = f"Specific({spec.name}, {number})"
            raise Refused(Code.NOT_FOUND, f"Servable not found for request: {words}")
        return versions[number]
