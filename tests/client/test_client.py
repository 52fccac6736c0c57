"""`predict` against a server: what comes back, what is merged, what is refused."""

from __future__ import annotations

import builtins
import concurrent.futures
import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf
from model_server import ModelServer

from keras_alexnet.client import Answer, Target, connect

Command = Callable[..., tuple[int, str, str]]
NOWHERE = "127.0.0.1:9"  # the port at which nobody answers


@pytest.mark.compat
def test_a_server_is_asked(predict: Command, address: str, paths: dict) -> None:
    code, out, err = predict(f"--server={address}", paths["red.png"], paths["blue.png"])
    assert (code, err) == (0, "")
    assert [line.split()[-2:] for line in out.splitlines()] == [
        ["class", "score"],
        ["red", "0.7500"],
        ["green", "0.2500"],
        ["blue", "0.5000"],
        ["green", "0.2500"],
    ]


@pytest.mark.compat
def test_a_bad_picture_does_not_affect_the_others(
    predict: Command, address: str, paths: dict
) -> None:
    names = ("red.png", "notes.txt", "blue.png")
    code, out, err = predict(
        f"--server={address}", "--json", "--top_k=1", *(paths[name] for name in names)
    )
    assert [json.loads(line) for line in out.splitlines()] == [
        {
            "picture": paths["red.png"],
            "valid": True,
            "classes": [{"name": "red", "score": 0.75}],
        },
        {
            "picture": paths["notes.txt"],
            "valid": False,
            "classes": [],
            "fault": "no picture",
        },
        {
            "picture": paths["blue.png"],
            "valid": True,
            "classes": [{"name": "blue", "score": 0.5}],
        },
    ]
    assert (code, err.count("\n")) == (2, 1)
    assert "1 of 3" in err
    assert "notes.txt" in err
    _, table, _ = predict(f"--server={address}", *(paths[name] for name in names))
    assert "notes.txt (no picture)" in " ".join(table.split())


def test_pictures_go_in_batches(
    predict: Command, server: ModelServer, address: str, paths: dict
) -> None:
    del server.requests[:]
    predict(f"--server={address}", "--batch_size=2", *3 * [paths["red.png"]])
    sent = [request.inputs["image_bytes"] for request in server.requests]
    assert [tf.make_ndarray(each).shape for each in sent] == [(2,), (1,)]
    picture = Path(paths["red.png"]).read_bytes()
    assert list(tf.make_ndarray(sent[0])) == [picture] * 2


@pytest.mark.parametrize(
    ("flags", "field", "value"),
    [
        ((), None, None),
        (("--model_version=1",), "version", 1),
        (("--version_label=canary",), "version_label", "canary"),
    ],
)
def test_a_version_is_asked_for(
    predict: Command,
    server: ModelServer,
    address: str,
    paths: dict,
    flags: tuple,
    field: str | None,
    value: object,
) -> None:
    assert predict(f"--server={address}", *flags, paths["red.png"])[0] == 0
    spec = server.requests[-1].model_spec
    assert (spec.name, spec.signature_name) == ("alexnet", "classify_bytes")
    assert spec.WhichOneof("version_choice") == field
    if field is not None:
        asked = getattr(spec, field)
        assert getattr(asked, "value", asked) == value


@pytest.mark.compat
@pytest.mark.parametrize("kinds", [("grpc", "grpc"), ("http", "grpc")])
def test_merged_requests_do_not_affect_each_other(
    colours: Path, paths: dict, kinds: tuple
) -> None:
    read = {name: Path(path).read_bytes() for name, path in paths.items()}
    asked = ([read["red.png"]], [read["notes.txt"], read["blue.png"]])

    def ask(kind: str, pictures: list[bytes]) -> list[Answer]:
        with connect(Target(getattr(server, kind))) as classify:
            return classify(pictures)

    with (
        ModelServer({"alexnet": colours}, rows=3) as server,
        concurrent.futures.ThreadPoolExecutor() as pool,
    ):
        good, mixed = pool.map(ask, kinds, asked)
        assert sorted(map(sorted, server.batcher.batches)) == [[1, 2]]
    assert good == [Answer(True, (("red", 0.75), ("green", 0.25)))]
    assert mixed == [Answer(False), Answer(True, (("blue", 0.5), ("green", 0.25)))]


REFUSED = {
    "another model": (("--model_name=vgg",), "model 'vgg'", "Latest(vgg)"),
    "another version": (("--model_version=7",), "in version 7", "(alexnet, 7)"),
    "another label": (("--version_label=old",), "under the label 'old'", "label: old"),
    "another signature": (
        ("--model_name=other",),
        "with the signature classify_bytes",
        '"classify_bytes"',
    ),
}


@pytest.mark.compat
@pytest.mark.parametrize("case", REFUSED)
def test_what_the_server_refuses_is_one_line(
    predict: Command, address: str, paths: dict, case: str
) -> None:
    flags, expected, received = REFUSED[case]
    code, out, err = predict(f"--server={address}", *flags, paths["red.png"])
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert expected in err
    assert received in err


@pytest.mark.parametrize("scheme", ["grpc", "grpcs", "http", "https"])
def test_a_server_that_is_not_there_is_one_line(
    predict: Command, paths: dict, scheme: str
) -> None:
    code, _, err = predict(f"--server={scheme}://{NOWHERE}", paths["red.png"])
    assert (code, err.count("\n")) == (2, 1)
    assert f"server='{scheme}://{NOWHERE}'" in err
    assert "onnection refused" in err


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_a_server_that_is_silent_is_one_line(
    predict: Command, paths: dict, scheme: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, never answers
        server = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}"
        code, _, err = predict(f"--server={server}", "--timeout=0.2", paths["red.png"])
    assert (code, err.count("\n")) == (2, 1)
    assert server in err


@pytest.mark.parametrize("kind", ["grpc", "http"])
def test_an_answer_that_does_not_come_in_time_is_one_line(
    predict: Command, colours: Path, paths: dict, kind: str
) -> None:
    with ModelServer({"alexnet": colours}, held=True) as server:
        server = getattr(server, kind)
        code, _, err = predict(f"--server={server}", "--timeout=0.2", paths["red.png"])
    assert (code, err.count("\n")) == (2, 1)
    assert f"nothing from {server} within 0.2 s" in err


def test_without_the_extra_the_error_says_how_to_install_it(
    predict: Command, paths: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported = builtins.__import__

    def without(name: str, *arguments: object, **options: object) -> object:
        if name.partition(".")[0] in ("grpc", "tensorflow_serving"):
            raise ModuleNotFoundError(f"No module named {name!r}")
        return imported(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    code, _, err = predict(f"--server=grpc://{NOWHERE}", paths["red.png"])
    assert (code, err.count("\n")) == (2, 1)
    assert "pip install 'keras-alexnet[serving]'" in err


def test_rest_needs_no_extra(python, server: ModelServer, paths: dict) -> None:
    code = (
        "import sys; sys.modules.update(grpc=None, tensorflow_serving=None)\n"
        "from keras_alexnet import commands\n"
        "commands.main(['', 'predict', *sys.argv[1:]])"
    )
    out = python(code, f"--server={server.http}", paths["red.png"])
    assert "red" in out.splitlines()[1]


BAD = {
    "no scheme": (("--server=localhost:8500",), "server='localhost:8500'"),
    "no port": (("--server=grpc://localhost",), "server='grpc://localhost'"),
    "a path": (("--server=http://a:1/v1",), "server='http://a:1/v1'"),
    "a port that is none": (("--server=grpc://a:x",), "server='grpc://a:x'"),
    "no time": (("--server=grpc://a:1", "--timeout=0"), "timeout=0"),
    "no model": (("--server=grpc://a:1", "--model_name="), "model_name=''"),
    "a model and a path": (("--server=http://a:1", "--model_name=a/b"), "'a/b'"),
    "a negative version": (
        ("--server=grpc://a:1", "--model_version=-1"),
        "model_version=-1",
    ),
    "an empty label": (("--server=grpc://a:1", "--version_label="), "label=''"),
    "version and label": (
        ("--server=grpc://a:1", "--model_version=1", "--version_label=stable"),
        "model_version=1, version_label='stable'",
    ),
    "server and model": (("--server=grpc://a:1", "--model=x"), "--model=x"),
    "version without server": (("--model=x", "--model_version=1"), "no --server"),
    "no batch": (("--batch_size=0",), "batch_size=0"),
}


@pytest.mark.parametrize("case", BAD)
def test_flags_that_make_no_sense_are_one_line(
    predict: Command, paths: dict, case: str
) -> None:
    flags, message = BAD[case]
    code, out, err = predict(*flags, paths["red.png"])
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
