"""Servers of models whose answers are not what a client may expect."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import tensorflow as tf
from mutated import mutated_bytes, mutated_json

# Each case begins its own server, which answers every connection in the same way.
CASE = """
import math
import socket
import threading
import time
import warnings

from keras_alexnet.client import Target, connect

warnings.simplefilter("error")
TIMEOUT = 1.0

def serve(listening, content, how, pause):
    while True:
        try:
            connection, _ = listening.accept()
            connection.recv(1 << 16)
            connection.sendall(content)
            while how in ("endless", "drip"):
                more = b"x" * (1 if how == "drip" else 1 << 16)
                connection.sendall(more)
                time.sleep(pause)
            connection.close()
        except OSError:
            if listening.fileno() < 0:
                return

def asked(content, how):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(
            target=serve, args=(listening, content, how, 0.05 if how == "drip" else 0),
            daemon=True,
        ).start()
        server = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with connect(Target(server, timeout=TIMEOUT)) as classify:
            return classify([b"a picture"])

def of_tensors(content):
    from tensorflow_serving.apis import predict_pb2
    from keras_alexnet.client.answers import from_outputs
    from keras_alexnet.client.over_grpc import outputs_of
    response = predict_pb2.PredictResponse.FromString(content)
    target = Target("grpc://127.0.0.1:1")
    return from_outputs(outputs_of(target, response), 1, target.server)

def case(arguments):
    path, how = arguments
    with open(path, "rb") as file:
        content = file.read()
    began, answers, fault = time.monotonic(), [], None
    try:
        answers = of_tensors(content) if how == "tensors" else asked(content, how)
    except ValueError as error:
        fault = error
    took = time.monotonic() - began
    if took > 20 * TIMEOUT:
        return f"an answer after {took:.0f} s"
    if fault is not None:
        raise fault
    for answer in answers:
        for name, score in answer.classes:
            name.encode()
            if not math.isfinite(score):
                return f"the score {score}"
    return None if len(answers) == 1 else f"{len(answers)} answers"
"""
_HEAD = "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{more}\r\n"
_SCORES = ["NaN", "Infinity", "-Infinity", "1e999", '"0.5"', "true", "null", "[0.5]"]
_SCORES += ["9" * 400, "{}", "1e300"]
_NAMES = [
    '"\\ud800"',
    '"\\u001b[2J\\u009b2J\\u202e"',
    "1",
    "null",
    "[]",
    '"' + "n" * 9**6 + '"',
]


def _http(body: bytes, status: str = "200 OK", more: str = "") -> bytes:
    return _HEAD.format(status=status, more=more).encode("latin-1") + body


def _honest() -> dict[str, Any]:
    row = {"classes": ["cat", "dog"], "scores": [0.75, 0.25], "valid": True}
    return {"predictions": [row]}


def _of_value(rng: random.Random) -> bytes:
    names = ['"cat"', rng.choice(_NAMES)] if rng.random() < 0.5 else ['"cat"', '"dog"']
    scores = ["0.5", rng.choice(_SCORES)] if names[1] == '"dog"' else ["0.5", "0.25"]
    row = f'{{"classes": [{", ".join(names)}], "scores": [{", ".join(scores)}]}}'
    return _http(f'{{"predictions": [{row}]}}'.encode())


def _of_json(rng: random.Random) -> bytes:
    _, changed = mutated_json(_honest(), rng)
    return _http(json.dumps(changed).encode())


def _of_bytes(rng: random.Random) -> bytes:
    return mutated_bytes(_http(json.dumps(_honest()).encode()), rng)


def _refusing(rng: random.Random) -> bytes:
    status = rng.choice(["400", "404", "500", "503", "504", "999", "200", "100", "204"])
    words = rng.choice(["", "No\x1b[2J\x9b2J", "w" * 60_000, "\u00e9\x85"])
    error = rng.choice(['{"error": "\\u001b[31m\\u202e"}', "[" * 60_000, "{}", "\xff"])
    error = rng.choice([error, '{"error": "' + "long " * 50_000 + '"}'])
    return _http(error.encode("latin-1"), f"{status} {words}")


def _redirecting(rng: random.Random) -> bytes:
    place = rng.choice(
        ["file:///etc/passwd", "ftp://127.0.0.1/", "http://127.0.0.1:9/", "//", "/"]
        + ["http://[", "javascript:1", "\x1b[2J", "http://a:b@127.0.0.1:9/", "http:"]
    )
    status = rng.choice(["301 Moved", "302 Found", "303 See", "307 To", "308 To"])
    return _http(b"", status, f"Location: {place}\r\n")


def _many(rng: random.Random) -> bytes:
    """One long name among many: an array of texts would repeat its length."""
    names = ["x"] * 20_000
    names[rng.randrange(len(names))] = "y" * 100_000
    row = {"classes": names, "scores": [0.0] * len(names), "valid": True}
    return _http(json.dumps({"predictions": [row]}).encode())


def _large(rng: random.Random) -> bytes:
    inner = rng.choice([b"[],", b"{},", b'"",', b"0,"])
    return _http(b'{"predictions": [' + inner * (2**24 // 4) + b"0]}")


def _lengths(rng: random.Random) -> bytes:
    length = rng.choice(["5", "99999", "9" * 30, "-1", "\u00b2", "0x10", ""])
    encoding = rng.choice(["", "Transfer-Encoding: chunked\r\n"])
    body = rng.choice([b"5\r\nhello\r\n", b"ffffffffff\r\n", b"-1\r\n", b"{}", b""])
    return _http(body, more=f"Content-Length: {length}\r\n{encoding}")


def _tensors(rng: random.Random) -> bytes:
    """A response of gRPC, with an output changed or one more."""
    from tensorflow_serving.apis import predict_pb2

    response = predict_pb2.PredictResponse()
    honest = {"classes": [[b"cat", b"dog"]], "scores": [[0.75, 0.25]], "valid": [True]}
    for name, values in honest.items():
        response.outputs[name].CopyFrom(tf.make_tensor_proto(values))
    name = rng.choice(["classes", "scores", "valid", "other"])
    tensor = response.outputs[name]
    how = rng.choice(["shape", "type", "none", "values", "bytes", "honest"])
    if how == "shape":
        del tensor.tensor_shape.dim[:]
        for size in rng.choice([(2**30,), (1, 2**30), (1, -1), (2**62, 4), (), (0, 0)]):
            tensor.tensor_shape.dim.add(size=size)
    elif how == "type":
        tensor.dtype = rng.choice([0, 3, 7, 8, 10, 14, 19, 20, 21, 23, 30])
    elif how == "none":
        del response.outputs[name]
    elif how == "values":
        value = rng.choice([float("nan"), float("inf"), 1e300, 0.5])
        kind = tf.float64 if value == 1e300 else rng.choice([tf.float32, tf.float64])
        scores = tf.make_tensor_proto([[0.5, value]], kind)
        response.outputs["scores"].CopyFrom(scores)
    elif how == "bytes":
        tensor.tensor_content = rng.choice([b"", b"a", b"ab" * 50_000])
    return response.SerializeToString()


_KINDS = (_of_value, _of_json, _of_bytes, _refusing, _redirecting, _lengths)
_HEAVY = (_many, _large)


def cases(folder: Path, rng: random.Random, count: int) -> list[Any]:
    """Answers as they come over the wire; the first is as it should be."""
    arguments = []
    for index in range(count):
        how = rng.choice(["once"] * 6 + ["tensors"] * 4)
        if index == 0:
            content, how = _http(json.dumps(_honest()).encode()), "once"
        elif how == "tensors":
            content = _tensors(rng)
        elif index % 40 == 5:
            content = rng.choice(_HEAVY)(rng)
        elif index % 40 == 25:
            how = rng.choice(["endless", "drip"])
            content = rng.choice([_http(b"{"), b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1"])
        else:
            content = rng.choice(_KINDS)(rng)
        path = folder / f"answer{index}"
        path.write_bytes(content)
        arguments.append([str(path), how])
    return arguments
