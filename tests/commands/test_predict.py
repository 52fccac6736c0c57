"""`predict` on a run, on its export and on a server of it: the same answers."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from model_server import ModelServer
from PIL import Image
from rich.console import Console

import keras_alexnet
from keras_alexnet.client.answers import Answer, from_outputs
from keras_alexnet.commands import predict as predicting
from keras_alexnet.opening import newest_version

Command = Callable[..., tuple[int, str, str]]
WAYS = ("run", "export", "grpc", "http")


@pytest.fixture(scope="module")
def ways(run: Path) -> Iterator[dict[str, str]]:
    """The flags that name one and the same network, in each way."""
    export = run / "servable"
    with ModelServer({"alexnet": export}) as server:
        yield {
            "run": f"--model={run}",
            "export": f"--model={export}",
            "grpc": f"--server={server.grpc}",
            "http": f"--server={server.http}",
        }


@pytest.fixture(scope="module")
def files(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A picture of each class, and between them a text and one that is cut short."""
    folder = tmp_path_factory.mktemp("files")
    good = [path / "000.jpg" for path in sorted((pictures / "val").iterdir())]
    (folder / "notes.txt").write_text("a cat, I think")
    (folder / "cut.jpg").write_bytes(good[0].read_bytes()[:200])
    bad = [folder / "notes.txt", folder / "cut.jpg"]
    return [str(path) for path in (good[0], bad[0], good[1], bad[1], good[2])]


def lines(out: str) -> list[dict]:
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.compat
@pytest.mark.parametrize("way", WAYS)
def test_every_way_gives_the_same(
    predict: Command, ways: dict, files: list[str], run: Path, way: str
) -> None:
    code, out, err = predict(ways[way], "--json", "--batch_size=2", *files)
    assert (code, err.count("\n")) == (2, 1)
    faults = f"({files[1]}: no picture, {files[3]}: JPEG, damaged or cut short)"
    assert f"2 of 5 that cannot {faults}" in err
    answers = lines(out)
    assert [answer["picture"] for answer in answers] == files
    assert [answer["valid"] for answer in answers] == [True, False, True, False, True]
    # TensorFlow's own loader, one picture at a time.
    signature = tf.saved_model.load(str(newest_version(run / "servable"))).signatures
    for answer in answers:
        if not answer["valid"]:
            assert answer["classes"] == []
            continue
        image = tf.constant([Path(answer["picture"]).read_bytes()])
        expected = signature["classify_bytes"](image_bytes=image)
        names = [each["name"].encode() for each in answer["classes"]]
        assert names == list(expected["classes"].numpy()[0])
        scores = [each["score"] for each in answer["classes"]]
        np.testing.assert_allclose(scores, expected["scores"].numpy()[0], atol=1e-5)


@pytest.mark.parametrize("way", WAYS)
def test_what_cannot_be_read_is_marked_and_the_others_are_answered(
    predict: Command, ways: dict, files: list[str], tmp_path: Path, way: str
) -> None:
    gone, cycle = str(tmp_path / "gone.jpg"), str(tmp_path / "cycle")
    Path(cycle).symlink_to(cycle)
    given = [gone, files[0], cycle, files[1], files[2]]
    code, out, err = predict(ways[way], "--json", "--batch_size=1", *given)
    assert (code, err.count("\n")) == (2, 1)
    assert f"3 of 5 that cannot ({gone}: No such file or directory, " in err
    assert f"{cycle}: {os.strerror(errno.ELOOP)}, {files[1]}: no picture)" in err
    answers = lines(out)
    assert [answer["picture"] for answer in answers] == given
    assert [answer["valid"] for answer in answers] == [False, True, False, False, True]
    assert [answer.get("fault") for answer in answers] == [
        "No such file or directory",
        None,
        os.strerror(errno.ELOOP),
        "no picture",
        None,
    ]
    _, alone, _ = predict(ways[way], "--json", "--batch_size=1", files[0], files[2])
    assert lines(alone) == [answers[1], answers[4]]


def test_pictures_are_read_a_batch_at_a_time(
    files: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """And each batch is answered before the next is read."""
    seen: list[str | int] = []
    read = Path.read_bytes

    def noted(path: Path) -> bytes:
        seen.append(str(path))
        return read(path)

    @contextlib.contextmanager
    def asked(*arguments: object) -> Iterator[Callable]:
        def classify(pictures: list[bytes]) -> list[Answer]:
            seen.append(len(pictures))
            return [Answer(True, (("class", 0.5),)) for _ in pictures]

        yield classify

    monkeypatch.setattr(Path, "read_bytes", noted)
    monkeypatch.setattr(predicting, "asked", asked)
    for json_lines in (False, True):
        seen.clear()
        config = predicting.Config(batch_size=2, json=json_lines)
        predicting.main(config, files)
        assert seen == [*files[:2], 2, *files[2:4], 2, files[4], 1]
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows[:6]] == ["picture", *files]
    assert len({row.rindex("0.5000") for row in rows[1:6]}) == 1


@pytest.mark.parametrize("way", WAYS)
def test_no_more_classes_are_shown_than_asked_for(
    predict: Command, ways: dict, files: list[str], way: str
) -> None:
    code, out, _ = predict(ways[way], "--json", "--top_k=1", files[0])
    (answer,) = lines(out)
    assert (code, len(answer["classes"])) == (0, 1)
    code, out, _ = predict(ways[way], "--top_k=2", files[0], files[2])
    assert (code, len(out.splitlines())) == (0, 1 + 2 * 2)


def test_many_that_are_no_pictures_are_named_in_part(
    predict: Command, ways: dict, files: list[str]
) -> None:
    code, out, err = predict(ways["export"], *5 * [files[1]])
    assert (code, err.count("\n")) == (2, 1)
    assert "5 of 5" in err
    assert err.count("notes.txt") == 3
    assert err.endswith(", …)\n")
    assert out.count("(no picture)") == 5


def test_a_person_sees_which_epoch_is_asked(
    predict: Command, ways: dict, files: list[str], run: Path, monkeypatch
) -> None:
    code, _, err = predict(ways["run"], files[0])
    assert (code, err) == (0, "")
    monkeypatch.setenv("FORCE_COLOR", "1")  # for rich it is a terminal then
    for name in ("", "/best"):
        _, _, err = predict(f"--model={run}{name}", files[0])
        taken = keras_alexnet.Classifier(f"{run}{name}").taken
        assert "".join(err.split()) == f"predict:{run}{name}:{taken}".replace(" ", "")


@pytest.mark.parametrize("way", ["run", "export"])
def test_other_formats_are_named_with_what_to_do(
    predict: Command, ways: dict, files: list[str], tmp_path: Path, way: str
) -> None:
    paths = []
    for form in ("WEBP", "TIFF"):
        paths.append(str(tmp_path / f"picture.{form}"))
        with Image.open(files[0]) as picture:
            picture.save(paths[-1], form)
    code, out, _ = predict(ways[way], "--json", *paths)
    assert code == 2
    webp, tiff = lines(out)
    assert tiff["fault"] == "TIFF: convert it to JPEG or PNG"
    assert webp["valid"] == (way == "run")
    assert webp.get("fault", "") == (
        "" if way == "run" else "WebP: convert it to JPEG or PNG"
    )


def test_names_are_printed_as_they_are(
    predict: Command, run: Path, files: list[str], tmp_path: Path
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("[red]\nvert é\n蓝\n", encoding="utf-8")
    weights = tmp_path / "my.weights.h5"
    model = keras_alexnet.AlexNet(weights=run, input_shape=(64, 64, 3), classes=3)
    model.save_weights(str(weights))
    more = ("--image_size=64", "--variant=paper")
    flags = (f"--model={weights}", f"--class_names={names}", *more)
    _, out, _ = predict(*flags, "--json", files[0])
    shown = {each["name"] for each in lines(out)[0]["classes"]}
    assert shown == {"[red]", "vert é", "蓝"}
    _, out, _ = predict(*flags, files[0])
    assert all(name in out for name in shown)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"y": [1.0]}, "here must answer with classes, scores, valid. Received: y"),
        ({}, "Received: nothing"),
        ({"classes": [["a"]], "scores": [[0.1, 0.2]]}, r"Received: \(1, 1\), \(1, 2\)"),
        ({"classes": [["a"]] * 2, "scores": [[0.1]] * 2}, r"\(2, 1\), \(2, 1\)"),
        (
            {"classes": [["a"]], "scores": [[1]], "valid": [True] * 2},
            r"\(1, 1\), \(2,\)",
        ),
    ],
)
def test_answers_of_another_shape_are_refused(outputs: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_outputs(outputs, 1, "here")


@pytest.mark.filterwarnings("ignore:weights .* look untrained")
@pytest.mark.parametrize(("classes", "said"), [(3, True), (["a", "b", "c"], False)])
def test_numbered_classes_say_how_to_name_them(
    classes: int | list[str],
    said: bool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=300)
    monkeypatch.setattr(predicting, "new_console", lambda stderr: console)
    path = tmp_path / "mine.keras"
    network = keras_alexnet.AlexNet(input_shape=(67, 67, 3), classes=2)
    keras_alexnet.reset_classifier(network, classes).save(path)
    with predicting.asked(predicting.Config(model=str(path))):
        assert ("--class_names=FILE" in screen.getvalue()) == said
