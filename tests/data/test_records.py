"""Prepared records as a source."""

from __future__ import annotations

import collections
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_alexnet.data import Source, evaluation_batches, open_source, training_batches
from keras_alexnet.data.preparation import Settings, prepare, shards

SIZE = 73  # Crops of 64 are cut from this.


@pytest.fixture(scope="module")
def prepared(
    pictures: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The pictures of all tests, as records of either encoding, in several shards."""
    root = tmp_path_factory.mktemp("prepared")
    source = open_source(f"folder:{pictures}")
    with pytest.MonkeyPatch.context() as patch:
        for encoding, size in (("jpeg", 25_000), ("raw", 90_000)):
            patch.setattr(shards, "SHARD_BYTES", size)
            settings = Settings(SIZE, encoding=encoding)
            prepare(source, str(root / encoding), settings, processes=1)
    return {encoding: root / encoding for encoding in ("jpeg", "raw")}


@pytest.fixture
def source(prepared: dict[str, Path]) -> Source:
    return open_source(f"records:{prepared['jpeg']}")


@pytest.fixture(params=["jpeg", "raw"])
def either(request: pytest.FixtureRequest, prepared: dict[str, Path]) -> Source:
    return open_source(f"records:{prepared[request.param]}")


def names(source: Source, seed: int, start: int, count: int) -> list[bytes]:
    stream = source.shuffled("train", seed, start).take(count)
    return [example["name"].numpy() for example in stream]


def decoded(source: Source, image: tf.Tensor) -> np.ndarray:
    if source.encoding == "jpeg":
        return tf.io.decode_jpeg(image, dct_method="INTEGER_ACCURATE").numpy()
    return tf.reshape(tf.io.decode_raw(image, tf.uint8), [SIZE, SIZE, 3]).numpy()


@pytest.mark.compat
def test_records_are_the_set_that_was_prepared(either: Source, pictures: Path) -> None:
    origin = open_source(f"folder:{pictures}")
    assert either.class_names == origin.class_names
    assert either.sizes == origin.sizes
    assert either.size == SIZE
    pairs = zip(either.ordered("validation"), origin.ordered("validation"), strict=True)
    for ours, theirs in pairs:
        path = Path(theirs["name"].numpy().decode())
        assert pictures / ours["name"].numpy().decode() == path
        assert ours["label"] == theirs["label"]
        square = decoded(either, ours["image"])
        assert square.shape == (SIZE, SIZE, 3)
        with Image.open(path) as picture:
            mean = np.asarray(picture.convert("RGB")).mean((0, 1))
        # The same picture, though cropped.
        assert np.abs(square.mean((0, 1)) - mean).max() < 8


def test_statistics_are_those_of_the_records(either: Source) -> None:
    squares = [decoded(either, each["image"]) for each in either.ordered("train")]
    stack = np.stack(squares).astype(float)
    # TensorFlow's decoder may differ from Pillow's by a level here and there.
    np.testing.assert_allclose(either.mean_picture, stack.mean(0), atol=0.5)
    statistics = either.statistics
    assert statistics.origin == "of these data"
    np.testing.assert_allclose(statistics.mean, stack.mean((0, 1, 2)), atol=0.1)
    along = stack.reshape(-1, 3) @ np.array(statistics.vectors).T
    np.testing.assert_allclose(statistics.stddevs, along.std(0), rtol=5e-3)


@pytest.mark.compat
def test_an_epoch_has_every_picture_once(source: Source) -> None:
    stream = names(source, 3, 0, 48)
    for epoch in (stream[:24], stream[24:]):
        assert set(collections.Counter(epoch).values()) == {1}


@pytest.mark.compat
def test_the_order_is_a_function_of_seed_and_epoch_alone(source: Source) -> None:
    tf.random.set_seed(1)
    before = names(source, 0, 0, 48)
    tf.random.set_seed(2)
    assert names(source, 0, 0, 48) == before
    assert names(source, 1, 0, 24) != before[:24]
    assert before[24:] != before[:24]
    assert names(source, 0, 24, 24) == before[24:]


def test_each_epoch_mixes_the_files_anew(
    prepared: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without a buffer only the order of the files is left.
    monkeypatch.setattr("keras_alexnet.data.records._SHUFFLE_BYTES", 0)
    stream = names(open_source(f"records:{prepared['jpeg']}"), 0, 0, 8 * 24)
    orders = {tuple(stream[24 * epoch : 24 * epoch + 24]) for epoch in range(8)}
    assert len(orders) > 4


def test_a_stream_resumes_where_it_stopped(source: Source) -> None:
    whole = names(source, 5, 14, 20)
    for start in (15, 24, 30):
        assert names(source, 5, start, 34 - start) == whole[start - 14 :]
    stream = source.shuffled("train", 5, 21).take(5)
    assert [int(example["position"]) for example in stream] == list(range(21, 26))


def test_batches_are_made_of_it(source: Source) -> None:
    batch = next(iter(training_batches(source, 64, 4, seed=0)))
    assert batch["image"].shape == (4, 64, 64, 3)
    labels = np.concatenate([b["label"] for b in evaluation_batches(source, 64, 3)])
    assert labels.tolist() == [0] * 3 + [1] * 3 + [2] * 3


def test_records_may_be_prepared_again(
    source: Source, prepared: dict[str, Path], tmp_path: Path
) -> None:
    prepare(source, str(tmp_path / "smaller"), Settings(32))
    smaller = open_source(f"records:{tmp_path / 'smaller'}")
    for split in source.sizes:
        for ours, theirs in zip(
            smaller.ordered(split), source.ordered(split), strict=True
        ):
            assert ours["name"] == theirs["name"]
    with pytest.raises(ValueError, match="records of bare pixels"):
        prepare(open_source(f"records:{prepared['raw']}"), str(tmp_path / "no"))


def spoiled(root: Path, how: str) -> None:
    shard = sorted(root.glob("train-*"))[1]
    description = root / "dataset.json"
    if how == "unfinished":
        description.unlink()
        (root / "unfinished").mkdir()
    elif how == "nothing":
        description.unlink()
    elif how == "no shard":
        shard.unlink()
    elif how == "cut shard":
        shard.write_bytes(shard.read_bytes()[:-1])
    elif how == "version":
        held = json.loads(description.read_text())
        description.write_text(json.dumps({**held, "format_version": 2}))
    elif how == "cut description":
        description.write_text(description.read_text()[:200])
    elif how == "another file":
        description.write_text("[]")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("unfinished", "run the same prepare command again"),
        ("nothing", "which has no dataset.json"),
        ("no shard", "train-00001-of-.*which is missing"),
        ("cut shard", "train-00001-of-.* bytes instead of"),
        ("version", "must be of format version 1; .* of format version 2"),
        ("cut description", "as it was written; .*dataset.json"),
        ("another file", "as it was written; .*dataset.json"),
    ],
)
def test_incomplete_records_are_an_error_of_one_line(
    prepared: dict[str, Path], tmp_path: Path, how: str, message: str
) -> None:
    root = tmp_path / "copy"
    shutil.copytree(prepared["jpeg"], root)
    spoiled(root, how)
    with pytest.raises(ValueError, match=message) as caught:
        open_source(f"records:{root}")
    assert "\n" not in str(caught.value)
    assert str(root) in str(caught.value)


MEMBERS = ("identity", "class_names", "class_counts", "shards", "statistics")


@pytest.mark.parametrize("member", [*MEMBERS, "identity.size", "class_counts.train"])
@pytest.mark.parametrize("value", [None, 3, "text", [], {}, [1], "nothing at all"])
def test_a_description_of_other_types_is_named(
    prepared: dict[str, Path], tmp_path: Path, member: str, value: object
) -> None:
    root = tmp_path / "copy"
    root.mkdir()
    for path in prepared["jpeg"].iterdir():
        (root / path.name).symlink_to(path)
    content = json.loads((root / "dataset.json").read_text())
    *above, name = member.split(".")
    holder = content[above[0]] if above else content
    if value == "nothing at all":
        del holder[name]
    else:
        holder[name] = value
    if member == "identity.size" and value == 3:
        holder[name] = "3"
    (root / "dataset.json").unlink()
    (root / "dataset.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"Received: '.*dataset\.json'") as caught:
        open_source(f"records:{root}")
    assert "\n" not in str(caught.value)


@pytest.mark.compat
def test_a_changed_byte_is_found(prepared: dict[str, Path], tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(prepared["jpeg"], root)
    source = open_source(f"records:{root}")
    assert source.damaged() is None
    shard = sorted(root.glob("train-*"))[1]
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    for read in (source.ordered("train"), source.shuffled("train", 0, 0).take(24)):
        with pytest.raises(tf.errors.DataLossError):
            list(read)
    found = source.damaged()
    assert found.startswith(f"{str(shard)!r} (corrupted record at ")
    assert "{{" not in found


def test_the_shuffle_buffer_has_a_bounded_number_of_bytes(
    prepared: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "keras_alexnet.data.records._SHUFFLE_BYTES", 5 * SIZE * SIZE * 3
    )
    held: list[int] = []
    shuffle: Callable = tf.raw_ops.ShuffleDataset
    monkeypatch.setattr(
        tf.raw_ops,
        "ShuffleDataset",
        lambda **inputs: held.append(inputs["buffer_size"]) or shuffle(**inputs),
    )
    source = open_source(f"records:{prepared['raw']}")
    assert len(names(source, 0, 0, 24)) == 24
    assert held
    assert set(held) == {5}
