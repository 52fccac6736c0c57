"""Builds an index: vectors of all pictures, their codes, and how good these are."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_alexnet import files
from keras_alexnet._version import __version__
from keras_alexnet.classifier import Classifier
from keras_alexnet.extraction.identity import recipe_record, weights_hash
from keras_alexnet.extraction.pictures import Pictures
from keras_alexnet.retrieval.codes import BINARY, NONE, encoded, fitted
from keras_alexnet.retrieval.files import finish, write_array
from keras_alexnet.retrieval.recall import held_out, measured
from keras_alexnet.retrieval.thumbnails import write_thumbnails
from keras_alexnet.weights import runs

VECTORS, CODES, NAMES = "vectors", "codes", "names"
_SAMPLE = 20000  # vectors that codes are trained on, at most
Watch = Callable[[int, int], object]


def write_index(
    folder: Path,
    classifier: Classifier,
    pictures: Pictures,
    layer: str,
    kind: str,
    seed: int,
    batch_size: int,
    options: Mapping[str, Any],
    watch: Watch | None,
) -> None:
    """Writes the files of an index to an empty folder; arguments as `Index.build`."""
    kept, vectors = _write_vectors(
        folder / f"{VECTORS}.npy", classifier, pictures, layer, batch_size, watch
    )
    names = [pictures.names[index] for index in kept]
    text = json.dumps({NAMES: names}, ensure_ascii=False)
    files.write_bytes(folder / f"{NAMES}.json", text.encode(errors="backslashreplace"))
    components, recall = 0, None
    if kind != NONE:
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(vectors))
        asked = np.sort(order[: held_out(len(vectors))])
        rest = order[len(asked) : len(asked) + _SAMPLE]
        coder = fitted(kind, vectors[rest], seed)
        codes = encoded(coder, vectors)
        for role, values in {**coder.arrays, CODES: codes}.items():
            write_array(folder, role, values)
        components = coder.arrays["components"].shape[1]
        if len(asked):
            recall = measured(kind, coder, vectors, codes, asked)
    values = vectors.shape[1]
    del vectors
    if kind == BINARY:
        (folder / f"{VECTORS}.npy").unlink()
    if pictures.folder() is None:
        write_thumbnails(folder, pictures, set(kept))
    facts = {
        "codes": kind,
        "layer": layer,
        "pictures": len(names),
        "values": values,
        "components": components,
        "recall": recall,
        "data": pictures.title,
        "folder": pictures.folder(),
        "left_out": len(pictures) - len(names),
        "model": {
            "path": _lasting(classifier.origin),
            "sha256": weights_hash(classifier),
            "export": classifier.is_export,
            **options,
        },
        "recipe": recipe_record(classifier),
        "batch_size": batch_size,
        "seed": seed,
        "keras_alexnet": __version__,
    }
    finish(folder, facts)


def _write_vectors(
    path: Path,
    classifier: Classifier,
    pictures: Pictures,
    layer: str,
    size: int,
    watch: Watch | None,
) -> tuple[list[int], np.ndarray]:
    """The indices of the pictures that can be read, and their vectors, in a file."""
    describing = classifier.describing(layer)
    values = int(np.prod(describing.shapes[layer], dtype=np.int64))
    kept: list[int] = []
    done = 0
    with open(path, "wb") as file:
        file.write(_header(len(pictures), values))
        for faults, outputs in pictures.outputs(describing, size, same_size=True):
            kept += [done + at for at, fault in enumerate(faults) if not fault]
            done += len(faults)
            rows = outputs[layer].reshape(-1, values)
            _check_finite(rows, layer, pictures.names[done - 1])
            file.write(np.ascontiguousarray(rows, "<f4").tobytes())
            if watch is not None:
                watch(done, len(pictures))
        if not kept:
            raise ValueError(
                "an index must have a picture that can be read. "
                f"Received: {pictures.title}, none of {len(pictures)}"
            )
        file.seek(0)
        file.write(_header(len(kept), values))
    return kept, np.load(path, mmap_mode="r", allow_pickle=False)


def _check_finite(rows: np.ndarray, layer: str, name: str) -> None:
    if not np.isfinite(rows).all():
        raise ValueError(
            "the outputs of the layer must be finite; check the model. "
            f"Received: {layer} with others, in the batch of {name!r}"
        )


def _header(count: int, values: int) -> bytes:
    """The beginning of a .npy file, which is as long for fewer vectors."""
    content = io.BytesIO()
    shape = (count, values)
    described = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(content, described)
    return content.getvalue()


def _lasting(origin: str) -> str:
    """A path that holds wherever the program runs; a name as it is."""
    path = Path(files.expanded(origin))
    there = path.exists() or runs.run_of(path) is not None
    return str(path.absolute()) if there else origin
