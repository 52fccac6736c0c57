"""The order of training examples: its versions, and that files are dealt out."""

from __future__ import annotations

import collections
import hashlib
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from keras_alexnet.data import Source, open_source, shapes
from keras_alexnet.data import records as records_source
from keras_alexnet.data.order import SEEDS
from keras_alexnet.data.preparation.shards import record
from keras_alexnet.data.record_files import Description, ShardEntry
from keras_alexnet.data.shards import Shards
from keras_alexnet.extraction.pictures import PicturesOfData

FILES = (130, 400, 10, 0, 770, 250, 501)  # examples of each; no batch divides their sum
COUNT = sum(FILES)


def written(root: Path, files: tuple[int, ...], size: int = 40) -> Path:
    """Records whose names are their numbers, in files of so many examples."""
    root.mkdir()
    entries: dict[str, list[ShardEntry]] = {"train": [], "validation": []}
    for split in entries:
        number = 0
        for file, count in enumerate(files):
            path = root / f"{split}-{file:05}-of-{len(files):05}.tfrecord"
            with tf.io.TFRecordWriter(str(path)) as writer:
                for _ in range(count):
                    writer.write(record(str(number), number % 2, bytes(size)))
                    number += 1
            entries[split].append(ShardEntry(path.name, count, path.stat().st_size))
    halves = (sum(files) + 1) // 2, sum(files) // 2
    counts = {split: list(halves) for split in entries}
    colours = {"mean": [0.0] * 3, "stddevs": [1.0] * 3, "vectors": np.eye(3).tolist()}
    identity = {"size": 8, "encoding": "raw"}
    Description("made", identity, ["a", "b"], counts, entries, 0, colours, {}).write(
        root
    )
    return root


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    root = tmp_path_factory.mktemp("order") / "records"
    return open_source(f"records:{written(root, FILES)}")


def read(
    source: Source,
    count: int,
    batch_size: int,
    start: int = 0,
    rows: range | None = None,
    seed: int = 3,
) -> list[tuple[int, int]]:
    """Positions and numbers of examples of the stream."""
    stream = source.stream("train", seed, start, batch_size, rows).take(count)
    return [
        (int(each["position"]), int(each["name"]))
        for each in stream.as_numpy_iterator()
    ]


def uniform(
    kind: int, seed: int, number: int, *shape: int, **options: int
) -> tf.Tensor:
    """TensorFlow's own draws: what is made of them is written anew here."""
    seeds = tf.constant([seed + kind * SEEDS, number], tf.int64)
    return tf.random.stateless_uniform(shape, seeds, **options)


def expected(files: tuple[int, ...], count: int, batch_size: int, seed: int) -> list:
    """The numbers of the first `count` examples, from the words of the order alone."""
    n = sum(files)
    starts = np.cumsum((0, *files))
    most = min(batch_size, 64, max(n // 64, 1))
    lanes = max(d for d in range(1, most + 1) if batch_size % d == 0)
    lane_of = [p % batch_size // (batch_size // lanes) for p in range(count + n)]
    found = {}
    for epoch in range(-(-count // n)):
        order = np.argsort(uniform(3, seed, epoch, len(files)).numpy(), kind="stable")
        ring = [int(starts[f]) + i for f in order for i in range(files[f])]
        cut = uniform(4, seed, epoch, maxval=n, dtype=tf.int64)
        ring = ring[int(cut) :] + ring[: int(cut)]
        for lane in range(lanes):
            places = [p for p in range(epoch * n, epoch * n + n) if lane_of[p] == lane]
            part, ring = ring[: len(places)], ring[len(places) :]
            ends = [*range(64 - 64 * lane // lanes, len(places), 64), len(places)]
            for begin, end in zip([0, *ends], ends, strict=False):
                if begin < end:
                    window, where = part[begin:end], places[begin:end]
                    draws = uniform(5, seed, where[0], len(window)).numpy()
                    shuffled = np.array(window)[np.argsort(draws, kind="stable")]
                    found |= zip(where, shuffled, strict=True)
    return [int(found[p]) for p in range(count)]


@pytest.mark.compat
@pytest.mark.parametrize("batch_size", [3, 8, 128, 131, 3000])
@pytest.mark.parametrize("seed", [0, 2**31 - 1])
def test_the_order_is_what_its_description_says(
    source: Source, batch_size: int, seed: int
) -> None:
    count = 2 * COUNT + 5
    found = read(source, count, batch_size, seed=seed)
    assert [position for position, _ in found] == list(range(count))
    numbers = [number for _, number in found]
    assert numbers == expected(FILES, count, batch_size, seed)
    for epoch in range(2):
        once = collections.Counter(numbers[epoch * COUNT : (epoch + 1) * COUNT])
        assert len(once) == COUNT
    assert numbers[:COUNT] != numbers[COUNT : 2 * COUNT]


@pytest.mark.compat
@pytest.mark.parametrize("files", [(1,), (2, 1), (70, 80)])
def test_fewer_examples_than_rows_come_again_within_a_batch(
    files: tuple[int, ...], tmp_path: Path
) -> None:
    few = open_source(f"records:{written(tmp_path / 'few', files)}", val_share=0)
    numbers = [number for _, number in read(few, 200, 128)]
    assert numbers == expected(files, 200, 128, 3)


@pytest.mark.compat
@pytest.mark.parametrize("batch_size", [8, 96, 131])
def test_a_stream_begins_anywhere(source: Source, batch_size: int) -> None:
    whole = read(source, 2 * COUNT, batch_size)
    for start in (1, 777, COUNT - 1, COUNT, 2 * COUNT - 77):
        assert read(source, 70, batch_size, start) == whole[start : start + 70]


@pytest.mark.compat
@pytest.mark.parametrize(
    ("batch_size", "workers"),
    [(8, 8), (96, 2), (96, 8), (128, 8), (128, 128), (131, 131)],
)
def test_it_is_the_same_for_any_number_of_workers(
    source: Source, batch_size: int, workers: int
) -> None:
    # From within an epoch into the next one.
    start, each = (COUNT // batch_size - 2) * batch_size, batch_size // workers
    whole = dict(read(source, 5 * batch_size, batch_size, start))
    for worker in {0, workers // 2, workers - 1}:
        rows = range(worker * each, (worker + 1) * each)
        part = read(source, 5 * each, batch_size, start, rows)
        assert part == [(p, n) for p, n in whole.items() if p % batch_size in rows]


@pytest.mark.compat
def test_the_order_stays_that_of_runs_that_began_with_it(source: Source) -> None:
    numbers = [number for _, number in read(source, 24, 8, seed=0)]
    assert numbers == [
        *(1418, 219, 500, 745, 1005, 1246, 1755, 2008),
        *(1382, 234, 498, 754, 1000, 1261, 1752, 2007),
        *(1417, 250, 490, 755, 1009, 1243, 1753, 2009),
    ]


def digest(stream: tf.data.Dataset) -> str:
    names = b" ".join(each["name"].numpy() for each in stream)
    return hashlib.sha256(names).hexdigest()[:16]


# As the versions before the second order read the same records.
@pytest.mark.compat
@pytest.mark.parametrize(
    ("buffer", "seed", "expected"),
    [
        (0, 0, "57f421513a94468f"),
        (0, 2**31 - 1, "3927dc939caef8fe"),
        (300, 0, "9ec60747e8eb640d"),
        (300, 2**31 - 1, "a428c20d2e7ead17"),
        (100_000, 0, "baa9b48c03119ca3"),
        (100_000, 2**31 - 1, "d12223dddd3dd925"),
    ],
)
def test_the_first_order_of_records_stays(
    source: Source,
    monkeypatch: pytest.MonkeyPatch,
    buffer: int,
    seed: int,
    expected: str,
) -> None:
    total = sum(each.bytes for each in source._shards("train"))
    monkeypatch.setattr(records_source, "_SHUFFLE_BYTES", buffer * total // COUNT)
    monkeypatch.setattr(source, "order", 1)
    assert digest(source.stream("train", seed, 100, 8).take(COUNT)) == expected


@pytest.mark.compat
@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        (0, "6ae4f50fdda096dc"),
        (7, "2621101e75d247ef"),
        (2**31 - 1, "6ae4f50fdda096dc"),
    ],
)
def test_the_first_order_of_tensorflow_datasets_stays(
    shapes_dir: str, seed: int, expected: str
) -> None:
    source = open_source("shapes", shapes_dir)
    source.order = 1
    assert digest(source.stream("train", seed, 1900, 8).take(300)) == expected


@pytest.fixture(scope="module")
def in_files(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The directory of a smaller `shapes`, in 20 files."""
    root = str(tmp_path_factory.mktemp("in_files"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shapes, "NUM_EXAMPLES", {"train": 330, "validation": 40})
        config = tfds.download.DownloadConfig(num_shards=20)
        tfds.disable_progress_bar()
        builder = shapes.Shapes(data_dir=root)
        builder.download_and_prepare(download_config=config)
    assert builder.info.splits["train"].num_shards == 20
    return root


@pytest.mark.compat
def test_sets_are_read_as_tensorflow_datasets_itself_reads_them(in_files: str) -> None:
    source = open_source("shapes", in_files)
    theirs = shapes.Shapes(data_dir=in_files).as_dataset(
        split="train",
        decoders={"image": tfds.decode.SkipDecoding()},
        read_config=tfds.ReadConfig(add_tfds_id=True, try_autocache=False),
    )
    for ours, other in zip(source.ordered("train"), theirs, strict=True):
        assert ours["name"] == other["tfds_id"]
        assert ours["label"] == other["label"]
        assert ours["image"] == other["image"]


@pytest.mark.compat
def test_the_parts_of_a_set_in_files_are_all_of_it(in_files: str) -> None:
    source = open_source("shapes", in_files)
    whole = sorted(each["name"].numpy() for each in source.ordered("train"))
    parts = [source.part("train", first, 100) for first in range(0, 500, 100)]
    names = [each["name"].numpy() for part in parts for each in part]
    assert sorted(names) == whole
    stored = [each.name.encode() for each in source.examples_at("train", range(330))]
    assert stored == names
    epoch = source.stream("train", 3, 330, 8).take(330)
    assert sorted(each["name"].numpy() for each in epoch) == whole


def test_names_and_pictures_of_a_set_in_files_belong_together(in_files: str) -> None:
    source = open_source("shapes", in_files)
    images = {each["name"].numpy(): each["image"] for each in source.ordered("train")}
    pictures = PicturesOfData(source)
    for start in (0, 300):
        found = list(pictures._encoded(start))
        assert len(found) == 330 - start
        for name, image in zip(pictures.names[start:], found, strict=True):
            assert image == images[name.encode()]


@pytest.mark.compat
def test_files_of_a_storage_with_requests_are_read_alike(tmp_path: Path) -> None:
    """`ram://` is TensorFlow's own; other storage of this kind is not here."""
    counts, orders = (70, 80), []
    for place in (f"ram://{tmp_path.name}", str(tmp_path)):
        paths = [f"{place}/{number}" for number in range(len(counts))]
        tf.io.gfile.makedirs(place)
        for path, count in zip(paths, counts, strict=True):
            with tf.io.TFRecordWriter(path) as file:
                for index in range(count):
                    file.write(f"{path[-1]}/{index}".encode())
        shards = Shards(
            [path.encode() for path in paths],
            counts,
            lambda numbers, stored: {"stored": stored},
        )
        stream = shards.stream(seed=0, start=0, batch_size=8).take(300)
        orders.append([each["stored"] for each in stream.as_numpy_iterator()])
    assert orders[0] == orders[1]
    assert len(set(orders[0][:150])) == 150


def bytes_read() -> int:
    """Bytes that this process has read from files, or from the page cache."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


def touched(dataset: tf.data.Dataset) -> tuple[int, int]:
    """How many examples are read of a data set, and how many bytes for that."""
    before = bytes_read()
    return sum(1 for _ in dataset), bytes_read() - before


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """50 MB in 16 files."""
    root = tmp_path_factory.mktemp("large") / "records"
    return written(root, 16 * (400,), size=8_000)


EACH, OF_ALL = 400 * 16, 400 * 16 * 8_000


@pytest.mark.parametrize("workers", [1, 2, 8])
@pytest.mark.parametrize("batch_size", [32, 128])
def test_a_worker_reads_and_parses_its_own_examples(
    large: Path, monkeypatch: pytest.MonkeyPatch, workers: int, batch_size: int
) -> None:
    """By what the system counts, and the parser: in three epochs from within one."""
    parsed: list[int] = []
    parse = records_source._examples

    def counted(numbers: tf.Tensor, records: tf.Tensor) -> dict[str, tf.Tensor]:
        def count(records: np.ndarray) -> np.ndarray:
            parsed.append(len(records))
            return records

        records = tf.numpy_function(count, [records], tf.string)
        return parse(numbers, tf.ensure_shape(records, [None]))

    monkeypatch.setattr(records_source, "_examples", counted)
    source = open_source(f"records:{large}")
    rows = range((workers - 1) * batch_size // workers, batch_size)
    start = EACH // 2 // batch_size * batch_size
    count = 3 * EACH // workers
    stream = source.stream("train", 0, start, batch_size, rows)
    found, read = touched(stream.take(count))
    fraction = count / (3 * EACH)
    assert (found, fraction) == (count, 1 / workers)
    # Each lane reads the rest of a window and another one ahead.
    ahead = 2 * 64 * 64 / (3 * EACH)
    assert fraction <= sum(parsed) / (3 * EACH) <= fraction * (1 + ahead)
    assert fraction <= read / (3 * OF_ALL) <= fraction * (1.02 + ahead)


def test_in_the_first_order_each_worker_reads_all(large: Path) -> None:
    source = open_source(f"records:{large}")
    source.order = 1
    _, read = touched(source.stream("train", 0, 0, 32, range(4)).take(3 * EACH // 8))
    assert read > 2.5 * OF_ALL


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_a_worker_evaluates_what_it_reads(large: Path, workers: int) -> None:
    source = open_source(f"records:{large}")
    count = EACH // workers
    for worker in {0, workers // 2, workers - 1}:
        found, read = touched(source.part("validation", worker * count, count))
        assert found == count
        assert 1 <= read / (OF_ALL / workers) <= 1.05
