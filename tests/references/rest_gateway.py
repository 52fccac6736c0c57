"""The REST twin of the gRPC service in `model_server`.

Reference: tensorflow.org/tfx/serving/api_rest, "Predict API": rows (`instances`,
`predictions`) and columns (`inputs`, `outputs`), binary values as `{"b64": …}`, errors
as `{"error": …}` under the HTTP codes of
`tensorflow_serving/model_servers/http_server.cc`.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

# tensorflow_serving/model_servers/http_rest_api_handler.cc, the URL of a prediction
_PATH = re.compile(
    r"/v1/models/([^/:]+)(?:/(?:versions/(\d+)|labels/([^/:]+)))?:predict"
)
_HTTP = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "NOT_FOUND": 404,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


class RestGateway:
    """Listens on loopback from when it is made until it is closed."""

    def __init__(self, service: Any) -> None:
        handler = type("Handler", (_Handler,), {"service": service})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = False  # closing waits for what is answered
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    service: Any

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        found = _PATH.fullmatch(self.path)
        if found is None:
            self._send(400, {"error": f"Malformed request: POST {self.path}"})
            return
        try:
            self._send(200, self._answer(found, json.loads(body)))
        except Exception as error:
            code = getattr(getattr(error, "code", None), "name", "INVALID_ARGUMENT")
            words = str(error)
            self._send(_HTTP[code], {"error": words})

    def do_GET(self) -> None:
        """The status of a model's versions ("Model status API")."""
        name = self.path.rpartition("/")[2]
        versions = self.service.versions(name)
        if self.path != f"/v1/models/{name}" or not versions:
            words = f"Could not find any versions of model {name}"
            self._send(404, {"error": words})
            return
        status = {"error_code": "OK", "error_message": ""}
        states = [
            {"version": str(version), "state": "AVAILABLE", "status": status}
            for version in versions
        ]
        self._send(200, {"model_version_status": states})

    def _answer(self, found: re.Match, body: dict) -> dict:
        request = predict_pb2.PredictRequest()
        spec = request.model_spec
        spec.name = found[1]
        if found[2]:
            spec.version.value = int(found[2])
        if found[3]:
            spec.version_label = found[3]
        spec.signature_name = body.get("signature_name", "")
        for name, values in _columns(body).items():
            values = [_bytes(value) for value in values]
            request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
        outputs = {
            name: _plain(tf.make_ndarray(value))
            for name, value in self.service.predict(request).outputs.items()
        }
        if "inputs" in body:
            return {"outputs": outputs}
        rows = zip(*outputs.values(), strict=True)
        return {"predictions": [dict(zip(outputs, row, strict=True)) for row in rows]}

    def _send(self, code: int, answer: dict) -> None:
        content = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing: the tests' output is the client's."""


def _columns(body: dict) -> dict[str, list]:
    if ("inputs" in body) == ("instances" in body):
        raise ValueError("a request must have either instances or inputs")
    if "inputs" in body:
        return body["inputs"]
    rows = body["instances"]
    return {name: [row[name] for row in rows] for name in rows[0]}


def _bytes(value: Any) -> Any:
    if isinstance(value, dict):
        return base64.b64decode(value["b64"], validate=True)
    return value


def _plain(values: Any) -> list:
    """As JSON has it: strings are text, numbers are numbers."""

    def text(value: Any) -> Any:
        if isinstance(value, list):
            return [text(each) for each in value]
        return value.decode() if isinstance(value, bytes) else value

    return text(values.tolist())
