"""Op determinism leaves input pipelines parallel: they have no op that it makes serial.

Where a function of a pipeline has an op with state that it does not know as harmless,
TensorFlow replaces parallel maps, interleaving and prefetching by their serial forms
(tensorflow/core/grappler/optimizers/data/make_deterministic.cc).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow.core.framework import graph_pb2
from tensorflow.python.framework import op_def_registry

from keras_alexnet.data import (
    Source,
    evaluation_batches,
    open_source,
    training_batches,
)
from keras_alexnet.data.batches import CROPS, validation_batches
from keras_alexnet.data.erasing import Erasing
from keras_alexnet.data.mixing import Mixing
from keras_alexnet.data.order import NEWEST
from keras_alexnet.data.preparation import Settings, prepare
from keras_alexnet.data.rand_augment import RandAugment
from keras_alexnet.data.views import Views
from keras_alexnet.extraction.pictures import PicturesOfData
from keras_alexnet.inspection.pictures import draw
from keras_alexnet.weights import recipe_of

# `kDeterministicStatefulOps` there: what may run in parallel. Of the others, If calls
# functions, which are looked at too.
HARMLESS = {
    "TextLineDataset",
    "FixedLengthRecordDataset",
    "TFRecordDataset",
    "TFRecordDatasetV2",
    "TensorSliceDataset",
    "RangeDataset",
    "SSTableDataset",
    "RecordIODataset",
    "If",
}
RECIPE = recipe_of("paper", 64)
ALL = {
    "rand_augment": RandAugment(2),
    "erasing": Erasing(0.5),
    "mixing": Mixing(mixup=0.2, cutmix=1.0),
}


def training(source: Source) -> None:
    for crop in CROPS:
        for rows in (None, range(2)):
            next(iter(training_batches(source, 64, 4, 0, crop=crop, rows=rows)))
    next(iter(training_batches(source, 64, 4, 0, **ALL)))


def evaluation(source: Source) -> None:
    next(iter(evaluation_batches(source, 64, 4, range(2))))
    next(iter(validation_batches(source, Views.of(source, 64).ten, 4)))


def other_passes(source: Source) -> None:
    """What is read in a run for its report, and by commands."""
    draw(source, "train", RECIPE, limit=2)
    draw(source, "validation", RECIPE, limit=2)
    next(PicturesOfData(source)._squares(Views.of(source, 64).centre, 2, 0))
    next(iter(RECIPE.batches(source, "validation", batch_size=2)))


PASSES = (training, evaluation, other_passes)
KINDS = ("folder", "jpeg", "raw", "shapes")


@pytest.fixture(scope="module")
def specs(
    pictures: Path, shapes_dir: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    root = tmp_path_factory.mktemp("prepared")
    folder = open_source(f"folder:{pictures}")
    for encoding in ("jpeg", "raw"):
        prepare(
            folder, str(root / encoding), Settings(73, encoding=encoding), processes=1
        )
    records = {name: f"records:{root / name}" for name in ("jpeg", "raw")}
    return {"folder": f"folder:{pictures}", **records, "shapes": "shapes"}


def with_state(pipeline: tf.data.Dataset) -> set[str]:
    """The ops with state in the functions of a pipeline."""
    graph = graph_pb2.GraphDef.FromString(pipeline._as_serialized_graph().numpy())
    ops = {node.op for each in graph.library.function for node in each.node_def}
    known = {op: op_def_registry.get(op) for op in ops}
    return {op for op, found in known.items() if found and found.is_stateful}


@pytest.fixture
def pipelines(monkeypatch: pytest.MonkeyPatch) -> list[tf.data.Dataset]:
    """All that are read during a test."""
    found: list[tf.data.Dataset] = []
    begin: Callable = tf.data.Dataset.__iter__

    def noted(self: tf.data.Dataset) -> Iterator:
        found.append(self)
        return begin(self)

    monkeypatch.setattr(tf.data.Dataset, "__iter__", noted)
    return found


@pytest.mark.compat
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", range(1, NEWEST + 1))
@pytest.mark.parametrize("read", PASSES)
def test_no_op_makes_a_pipeline_serial(
    specs: dict[str, str],
    shapes_dir: str,
    pipelines: list[tf.data.Dataset],
    kind: str,
    order: int,
    read: Callable[[Source], None],
) -> None:
    source = open_source(specs[kind], shapes_dir)
    source.order = order
    read(source)
    assert len(pipelines) >= 2
    for pipeline in pipelines:
        assert with_state(pipeline) <= HARMLESS


CODE = """
import sys, tensorflow as tf
tf.keras.utils.set_random_seed(0)
tf.config.experimental.enable_op_determinism()
from keras_alexnet.data import evaluation_batches, open_source, training_batches
for spec in sys.argv[2:]:
    for order in (1, 2):
        source = open_source(spec, sys.argv[1])
        source.order = order
        next(iter(training_batches(source, 64, 4, 0, crop="resized")))
        next(iter(evaluation_batches(source, 64, 4)))
print("CONTROL", file=sys.stderr, flush=True)
drawn = tf.data.Dataset.range(8).map(
    lambda n: tf.random.uniform([]) + tf.cast(n, tf.float32), num_parallel_calls=2
)
list(drawn)
"""


@pytest.mark.compat
def test_tensorflow_itself_leaves_them_as_they_are(
    specs: dict[str, str], shapes_dir: str
) -> None:
    """By what it logs of each rewriting, which a control shows to be logged."""
    logging = {"TF_CPP_MIN_LOG_LEVEL": "0", "TF_CPP_VMODULE": "make_deterministic=1"}
    done = subprocess.run(
        [sys.executable, "-c", CODE, shapes_dir, *specs.values()],
        env={**os.environ, **logging},
        capture_output=True,
        text=True,
        check=True,
    )
    ours, control = done.stderr.split("CONTROL")
    assert "Rewriting node" in control
    assert "Rewriting node" not in ours
