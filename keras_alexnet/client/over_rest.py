"""The client's side of TensorFlow Serving's REST interface.

Reference: tensorflow.org/tfx/serving/api_rest, "Predict API" and "Encoding binary
values".
"""

from __future__ import annotations

import base64
import http.client
import json
import urllib.parse
from typing import Any

from keras_alexnet import exchange, json_schema
from keras_alexnet.client.answers import (
    OUTPUTS,
    Answer,
    Classify,
    Pictures,
    from_outputs,
)
from keras_alexnet.client.target import SIGNATURE, Target
from keras_alexnet.reasons import reason

# What TensorFlow Serving answers for DEADLINE_EXCEEDED, for UNAVAILABLE (its queue is
# full, say), and what a proxy before it does where it is not there: response codes in
# tensorflow_serving/model_servers/http_server.cc.
_LATE = (504,)
_UNREACHABLE = (502, 503)
_OK = 200
_MOST = 2**24  # bytes of an answer: Python needs up to 36 for one of JSON
_MOST_WORDS = 2**16


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
    headers, seconds = {"Content-Type": "application/json"}, target.timeout
    try:
        with exchange.exchanged(
            url(target), headers, body, silence=seconds, whole=seconds
        ) as answer:
            if answer.status != _OK:
                raise _explained(target, answer)
            return _content(target, answer)
    except (OSError, http.client.HTTPException) as error:
        cause = getattr(error, "reason", error)  # URLError wraps it
        if isinstance(cause, TimeoutError):
            raise target.late() from None
        raise target.unreachable(_words(cause)) from None


def _content(target: Target, answer: exchange.Answer) -> bytes:
    try:
        content = answer.read(_MOST)
    except ValueError as error:
        raise target.refused(f"HTTP {_OK} with {error}; lower --batch_size") from None
    if answer.length not in (None, len(content)):
        raise target.unreachable("it ended the connection within its answer")
    return content


def _words(cause: Any) -> str:
    return reason(cause) if isinstance(cause, BaseException) else str(cause)


def _explained(target: Target, answer: exchange.Answer) -> ValueError:
    if answer.status in _LATE:
        return target.late()
    words = f"HTTP {answer.status} {answer.reason}"
    try:
        said = json_schema.loaded(answer.read(_MOST_WORDS))["error"]
        words += "" if said is None else f": {said}"
    except (OSError, ValueError, TypeError, KeyError, http.client.HTTPException):
        pass  # it is no TensorFlow Serving, or a proxy before it
    if answer.status in _UNREACHABLE:
        return target.unreachable(words)
    return target.refused(words)


def _rows(target: Target, answer: bytes) -> list[dict[str, Any]]:
    """The answer in rows, a dictionary of outputs for each picture."""
    try:
        rows = json_schema.loaded(answer)["predictions"]
    except (ValueError, TypeError, KeyError):
        raise target.refused(f"HTTP 200 with {answer[:60]!r}") from None
    if json_schema.fault(rows, list[dict]) is not None:
        raise target.refused("HTTP 200 with predictions that are no list of objects")
    return rows
