"""Directories of prepared records, a file of each changed by somebody else."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from mutated import mutated_bytes, mutated_json
from PIL import Image

from keras_alexnet.data import open_source
from keras_alexnet.data.preparation import Settings, prepare

SIZE = 32
CLASSES = ("bird", "cat")
# All of a directory is read; what is right has as many pictures as were prepared.
CASE = """
import numpy as np
from keras_alexnet.data import evaluation_batches, open_source, training_batches
from keras_alexnet.data.unreadable import READING, explained

def labels_of(source, split):
    if split == "validation":
        examples = source.ordered(split)
        batches = evaluation_batches(source, 32, 4)
    else:
        examples = source.stream(split, 0, 0, 4).take(8)
        batches = training_batches(source, 32, 4, seed=0).take(2)
    try:
        return [each["label"].numpy() for each in batches]
    except READING as error:
        raise explained(error, examples, source) from error

def case(path):
    source = open_source(f"records:{path}")
    if source.sizes != {"train": 6, "validation": 2}:
        return f"the sizes {source.sizes}"
    for split in ("train", "validation"):
        labels = np.concatenate(labels_of(source, split))
        if labels.max() >= 2 or labels.min() < 0:
            return f"the labels {labels}"
    mean = source.mean_picture
    if mean.shape != (32, 32, 3) or not np.isfinite(mean).all():
        return f"the mean picture {mean.shape}"
    return None
"""


def write_records(folder: Path) -> Path:
    """Records of two classes, six pictures to train and two to validate."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 3), ("val", 1)):
        for name in CLASSES:
            (folder / "photos" / split / name).mkdir(parents=True)
            for index in range(count):
                pixels = rng.integers(0, 256, (40, 48, 3), np.uint8)
                path = folder / "photos" / split / name / f"{index}.png"
                Image.fromarray(pixels).save(path)
    root = folder / "records"
    source = open_source(f"folder:{folder / 'photos'}")
    prepare(source, str(root), Settings(SIZE), processes=1)
    return root


def cases(folder: Path, rng: random.Random, count: int) -> list[Any]:
    """Directories of which one file was changed; the first is as it was written."""
    honest, arguments = write_records(folder), []
    names = sorted(path.name for path in honest.iterdir() if path.suffix != ".csv")
    for index in range(count):
        root = folder / f"{index}"
        shutil.copytree(honest, root)
        path = root / rng.choice(names)
        how = rng.choice(["json"] * 4 + ["bytes"] * 5 + ["cut", "pipe", "folder"])
        if index == 0:
            pass
        elif how == "json":
            path = root / "dataset.json"
            _, changed = mutated_json(json.loads(path.read_text()), rng)
            path.write_text(json.dumps(changed))
        elif how == "bytes":
            path.write_bytes(mutated_bytes(path.read_bytes(), rng))
        elif how == "cut":
            os.truncate(path, rng.randrange(path.stat().st_size))
        else:
            path.unlink()
            os.mkfifo(path) if how == "pipe" else path.mkdir()
        arguments.append(str(root))
    return arguments
