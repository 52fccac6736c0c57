"""Which devices a run uses: what is asked for, what there is, who the workers are."""

from __future__ import annotations

import json
import re
import types
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf

from keras_alexnet.data.batches import distribute
from keras_alexnet.training import devices
from keras_alexnet.training.devices import open_strategy, open_towers, tower_names
from keras_alexnet.training.workers import coordination


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cluster is named but by the test."""
    for name in ("TF_CONFIG", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)


def one_line(kind: str, devices: str = "", batch_size: int = 8) -> str:
    with pytest.raises(ValueError, match="Received: ") as caught:
        open_strategy(kind, devices, batch_size)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.compat
@pytest.mark.parametrize("kind", ["auto", "none"])
@pytest.mark.parametrize("devices", ["", "CPU:0", ("cpu:0",), ()])
def test_one_device_needs_no_strategy(kind: str, devices: str) -> None:
    assert open_strategy(kind, devices, 7) is tf.distribute.get_strategy()


def test_one_device_may_be_mirrored() -> None:
    strategy = open_strategy("mirrored", "CPU:0", 7)
    assert isinstance(strategy, tf.distribute.MirroredStrategy)
    assert strategy.num_replicas_in_sync == 1
    # Two of the same devices would mix up their collective operations.
    assert open_strategy("mirrored", "CPU:0", 7) is strategy


@pytest.mark.parametrize(
    ("kind", "devices", "message"),
    [
        ("both", "", "strategy must be one of"),
        ("auto", "TPU:0", "differ and be of one kind.*devices=TPU:0"),
        ("auto", "CPU:0,GPU:0", "of one kind"),
        ("auto", "CPU:0,CPU:0", "devices must differ"),
        ("none", "GPU:3", r"must exist.*GPU:3, where TensorFlow sees \d GPU"),
        ("multi_worker", "", "must know its workers; set TF_CONFIG"),
        ("auto", "CPU:0,CPU:1,CPU:2", "multiple of the 3 devices.*batch_size=8"),
    ],
)
def test_what_cannot_be_is_one_line(kind: str, devices: str, message: str) -> None:
    assert re.search(message, one_line(kind, devices))


def test_logical_cpus_are_not_made_too_late() -> None:
    tf.config.list_logical_devices()  # starts the runtime
    assert "before anything else has used TensorFlow" in one_line("none", "CPU:7")


CHOICES = """
import sys
import tensorflow as tf
from keras_alexnet.data.batches import distribute
from keras_alexnet.training.devices import open_strategy
strategy = open_strategy(sys.argv[1], sys.argv[2], 8)
replicas = strategy.num_replicas_in_sync

def stream(rows):
    kept = tf.data.Dataset.range(16).filter(lambda n: n % 8 < len(rows))
    return kept.batch(len(rows))

seen = [[] for _ in range(replicas)]
for batch in distribute(strategy, stream, 8):
    for rows, part in zip(seen, strategy.experimental_local_results(batch)):
        rows.append(part.numpy().tolist())
with strategy.scope():
    place = tf.Variable(1.0)
(place, *_) = strategy.experimental_local_results(place)
print(type(strategy).__name__, place.device[-5:], seen)
"""
HALVES = [[[0, 1, 2, 3], [8, 9, 10, 11]], [[4, 5, 6, 7], [12, 13, 14, 15]]]
WHOLE = [[[*range(8)], [*range(8, 16)]]]


@pytest.mark.compat
@pytest.mark.parametrize(
    ("kind", "devices", "expected"),
    [
        ("auto", "CPU:0,CPU:1", ("MirroredStrategy", "CPU:0", HALVES)),
        ("none", "CPU:1", ("OneDeviceStrategy", "CPU:1", WHOLE)),
    ],
)
def test_devices_are_made_and_share_each_batch_in_order(
    python: Callable[..., str], kind: str, devices: str, expected: tuple
) -> None:
    name, place, seen = expected
    assert python(CHOICES, kind, devices).strip() == f"{name} {place} {seen}"


def test_several_workers_have_one_cpu_each(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = json.dumps(
        {
            "cluster": {"worker": ["a:1", "b:1", "c:1", "d:1"]},
            "task": {"type": "worker", "index": 0},
        }
    )
    monkeypatch.setenv("TF_CONFIG", workers)
    assert "or CPU:0 alone" in one_line("auto", "CPU:0,CPU:1")
    assert "multiple of the 4 devices of all workers" in one_line("auto", batch_size=6)


class Gpus:
    """Three GPUs that are not there, and which of them TensorFlow may see."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shown: list[list[str]] = []
        there = {"GPU": ["g0", "g1", "g2"], "CPU": ["c0"]}
        for name, does in {
            "list_physical_devices": there.get,
            "get_logical_device_configuration": lambda device: None,
            "set_visible_devices": lambda own, kind: self.shown.append(own),
            "get_visible_devices": lambda kind: self.shown[-1],
            "list_logical_devices": lambda kind: self.shown[-1],
        }.items():
            monkeypatch.setattr(tf.config, name, does)


@pytest.mark.parametrize(
    ("devices", "shown"),
    [("GPU:2", ["g2"]), ("GPU:0", ["g0"]), ("CPU:0", [])],
)
def test_tensorflow_keeps_off_other_gpus(
    monkeypatch: pytest.MonkeyPatch, devices: str, shown: list[str]
) -> None:
    gpus = Gpus(monkeypatch)
    assert open_strategy("none", devices, 8) is tf.distribute.get_strategy()
    assert gpus.shown == [shown]


@pytest.mark.parametrize(
    ("towers", "shown", "names"),
    [
        ("GPU:2, gpu:1", ["g1", "g2"], ["GPU:1", "GPU:0"]),
        ("GPU:2,GPU:2", ["g2"], ["GPU:0", "GPU:0"]),
        ("GPU:1,CPU:0", ["g1"], ["GPU:0", "CPU:0"]),
        ("CPU:0,CPU:0", [], ["CPU:0", "CPU:0"]),
    ],
)
def test_towers_show_their_own_gpus_alone(
    monkeypatch: pytest.MonkeyPatch, towers: str, shown: list[str], names: list[str]
) -> None:
    gpus = Gpus(monkeypatch)
    open_towers("none", "", towers)
    assert gpus.shown == [shown]
    assert tower_names(towers) == names


def test_gpus_that_are_in_use_keep_their_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def too_late(own: list[str], kind: str) -> None:
        raise RuntimeError("Visible devices cannot be modified after being initialized")

    Gpus(monkeypatch).shown.append(["g0", "g1", "g2"])
    monkeypatch.setattr(tf.config, "set_visible_devices", too_late)
    open_towers("none", "", "GPU:2,GPU:0")
    assert tower_names("GPU:2,GPU:0") == ["GPU:2", "GPU:0"]


def test_all_gpus_share_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[list[str]] = []
    Gpus(monkeypatch)
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", made.append)
    open_strategy("auto", "", 9)
    open_strategy("auto", "GPU:1,GPU:2", 8)
    devices._mirrored.cache_clear()  # of what was no strategy
    assert made == [["/GPU:0", "/GPU:1", "/GPU:2"], ["/GPU:0", "/GPU:1"]]


WORKERS = json.dumps(
    {
        "cluster": {"worker": ["a:1", "b:1"]},
        "task": {"type": "worker", "index": 0},
    }
)


@pytest.mark.parametrize(
    ("devices", "collectives", "expected"),
    [
        ("", "auto", "NCCL"),
        ("GPU:1", "auto", "NCCL"),
        ("", "nccl", "NCCL"),
        ("", "ring", "RING"),
        ("CPU:0", "auto", "RING"),
        ("CPU:0", "ring", "RING"),
    ],
)
def test_gpus_of_several_machines_are_joined_by_nccl(
    monkeypatch: pytest.MonkeyPatch, devices: str, collectives: str, expected: str
) -> None:
    made: list[tuple] = []
    Gpus(monkeypatch)
    monkeypatch.setenv("TF_CONFIG", WORKERS)
    monkeypatch.setattr("keras_alexnet.training.devices.rendezvous", lambda *given: 0)
    monkeypatch.setattr(
        tf.distribute, "MultiWorkerMirroredStrategy", lambda *given: made.append(given)
    )
    open_strategy("auto", devices, 12, collectives=collectives)
    ((resolver, options),) = made
    gpus = {"": 3, "GPU:1": 1, "CPU:0": 0}[devices]
    assert resolver.num_accelerators() == {"GPU": gpus}
    assert options.implementation.value == expected


def test_collectives_that_cannot_be_are_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ValueError, match=r"auto on one machine.*'ring'"):
        open_strategy("auto", "", 8, collectives="ring")
    with pytest.raises(ValueError, match=r"auto on one machine.*'nccl'"):
        open_towers("auto", "", "CPU:0,CPU:0", "nccl")
    monkeypatch.setenv("TF_CONFIG", WORKERS)
    with pytest.raises(ValueError, match=r"auto or ring for workers on CPUs.*'nccl'"):
        open_strategy("auto", "CPU:0", 8, collectives="nccl")


def test_a_run_on_one_machine_has_nobody_to_ask(tmp_path: Path) -> None:
    strategy = tf.distribute.get_strategy()
    assert coordination.is_chief(strategy)
    assert coordination.gathered(strategy, 3) == [3]
    coordination.agree(strategy, "step", lambda: 3)
    coordination.check_shared(strategy, "model_dir", tmp_path / "none")
    with (
        coordination.chief_first(strategy),
        coordination.directory_of(strategy, tmp_path) as own,
    ):
        assert own == tmp_path
    assert not (tmp_path / "none").exists()


def test_wishes_are_heard_by_all_at_the_same_step() -> None:
    alone = coordination.SharedSignals(tf.distribute.get_strategy())
    assert alone.read(coordination.Signals(stop=1), tf.constant([0.0, 1.0])) == (1, 0)
    spec = tf.train.ClusterSpec({"worker": ["a:1", "b:1"]})
    resolver = types.SimpleNamespace(cluster_spec=lambda: spec)
    several = coordination.SharedSignals(
        types.SimpleNamespace(cluster_resolver=resolver)
    )
    sums = [[0.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]]
    own = coordination.Signals(stop=1, save=1)
    known = [several.read(own, tf.constant(each)) for each in sums]
    assert known == [(0, 0), (0, 0), (0, 0), (2, 0), (0, 1)]


def test_only_an_error_of_the_others_is_one() -> None:
    other = tf.errors.InvalidArgumentError(None, None, "JPEG data must be whole")
    assert coordination.lost_worker(other) is None
    assert coordination.lost_worker(KeyError("Collective ops is aborted")) is None


def test_an_endless_stream_is_not_asked_whether_it_ends() -> None:
    numbers = tf.data.Dataset.range(8).filter(lambda n: n >= 0).batch(4)
    strategy = open_strategy("mirrored", "CPU:0", 4)
    batches = distribute(strategy, lambda rows: numbers, 4, endless=True)
    assert batches.cardinality == tf.data.INFINITE_CARDINALITY


@pytest.fixture
def one_gpu(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One GPU, whose batches a CPU gets; the devices that got some."""
    made: list[str] = []
    of_device, there = tf.distribute.OneDeviceStrategy, tf.config.list_logical_devices

    def instead(device: str) -> tf.distribute.Strategy:
        made.append(device)
        return of_device("/CPU:0")

    monkeypatch.setattr(tf.distribute, "OneDeviceStrategy", instead)
    monkeypatch.setattr(
        tf.config,
        "list_logical_devices",
        lambda kind=None: ["gpu"] if kind == "GPU" else there(kind),
    )
    return made


@pytest.mark.compat
def test_one_gpu_gets_its_batches_ahead_of_time(one_gpu: list[str]) -> None:
    strategy = tf.distribute.get_strategy()

    def picture(n: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"image": tf.fill([2, 2, 3], tf.cast(n, tf.uint8))}

    batches = distribute(
        strategy,
        lambda rows: tf.data.Dataset.range(12).map(picture).batch(2),
        2,
        ahead=3,
    )
    assert one_gpu == ["/GPU:0"]
    assert isinstance(batches, tf.distribute.DistributedDataset)
    stream = iter(batches)
    first = next(stream)["image"]
    assert first.dtype == tf.uint8  # a quarter of what the network reads
    numbers = strategy.run(lambda batch: batch[:, 0, 0, 0], (first,))
    assert numbers.numpy().tolist() == [0, 1]
    rest = [each["image"][0, 0, 0, 0].numpy() for each in stream]
    assert rest == [2, 4, 6, 8, 10]
    # Within a scope it is that strategy's matter.
    with tf.distribute.OneDeviceStrategy("/CPU:0").scope():
        distribute(
            tf.distribute.get_strategy(), lambda rows: tf.data.Dataset.range(2), 2
        )
    assert one_gpu == ["/GPU:0", "/CPU:0"]
