"""The client's side of TensorFlow Serving's REST interface.

Reference: tensorflow.org/tfx/serving/api_rest, "Predict API" and "Encoding binary
values".
"""

from __future__ import annotations

import base64
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from keras_alexnet.client.answers import (
    OUTPUTS,
    Answer,
    Classify,
    Pictures,
    from_outputs,
)
from keras_alexnet.client.target import SIGNATURE, Target

# What TensorFlow Serving answers for DEADLINE_EXCEEDED, for UNAVAILABLE (its queue is
# full, say), and what a proxy before it does where it is not there: response codes in
# tensorflow_serving/model_servers/http_server.cc.
_LATE = (504,)
_UNREACHABLE = (502, 503)


def rest_classifier(target: Target) -> Classify:
    """The function that `connect` gives, for a server that speaks REST."""

    def classify(pictures: Pictures) -> list[Answer]:
        rows = _rows(target, _ask(target, _body(pictures)))
        columns = {
            name: [row[name] for row in rows]
            for name in OUTPUTS
            if rows and all(name in row for row in rows)
        }
        return from_outputs(columns, len(pictures), target.server)

    return classify


def url(target: Target) -> str:
    """Where predictions are asked for.

    Example:

    >>> url(Target("http://localhost:8501", label="canary"))
    'http://localhost:8501/v1/models/alexnet/labels/canary:predict'
    """
    which = "" if target.version is None else f"/versions/{target.version}"
    if target.label is not None:
        which = f"/labels/{urllib.parse.quote(target.label, safe='')}"
    name = urllib.parse.quote(target.model, safe="")
    return f"{target.scheme}://{target.address}/v1/models/{name}{which}:predict"


def _body(pictures: Pictures) -> bytes:
    instances = [
        {"image_bytes": {"b64": base64.b64encode(picture).decode("ascii")}}
        for picture in pictures
    ]
    body = {"signature_name": SIGNATURE, "instances": instances}
    return json.dumps(body).encode("ascii")


def _ask(target: Target, body: bytes) -> bytes:
    request = urllib.request.Request(
        url(target), data=body, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=target.timeout) as response:
            return response.read()
    except urllib.error.HTTPError as error:
        with error:
            raise _explained(target, error) from None
    except (OSError, http.client.HTTPException) as error:
        cause = getattr(error, "reason", error)  # URLError wraps it
        if isinstance(cause, TimeoutError):
            raise target.late() from None
        raise target.unreachable(_words(cause)) from None


def _words(cause: Any) -> str:
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__


def _explained(target: Target, error: urllib.error.HTTPError) -> ValueError:
    if error.code in _LATE:
        return target.late()
    reason = f"HTTP {error.code} {error.reason}"
    try:
        said = json.loads(error.read())["error"]
    except (OSError, ValueError, TypeError, KeyError, http.client.HTTPException):
        said = None  # it is no TensorFlow Serving, or a proxy before it
    reason = reason if said is None else f"{reason}: {said}"
    if error.code in _UNREACHABLE:
        return target.unreachable(reason)
    return target.refused(reason)


def _rows(target: Target, answer: bytes) -> list[dict[str, Any]]:
    """The answer in rows, a dictionary of outputs for each picture."""
    try:
        rows = json.loads(answer)["predictions"]
    except (ValueError, TypeError, KeyError):
        raise target.refused(f"HTTP 200 with {answer[:60]!r}") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise target.refused("HTTP 200 with predictions that are no list of objects")
    return rows
