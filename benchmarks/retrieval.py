"""Milliseconds of a search among many vectors, and how many of the nearest it finds.

Searches for one vector at a time, among all others, as `Index.query` does once the
network has described the picture: all values compared, 128 components with the values
of the best 128, and 256 bits. The vectors are in a file that is mapped to memory, as
those of an index are; opening it is not counted, hashing it is shown.

    python benchmarks/retrieval.py [--vectors=FILE.npy] [--count=50000]

Without `--vectors`, float32 `[n, values]`, they are drawn: 200 clusters on 64
dimensions and noise, turned into 4096 values of which those below 0 become 0.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_alexnet.extraction.identity import file_hash
from keras_alexnet.retrieval import codes, search
from keras_alexnet.retrieval.recall import held_out, measured

_ASKED = 100
_TOP = 6


def drawn(path: Path, count: int) -> None:
    """Writes clustered vectors, a few at a time."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(200, 64))
    turn = rng.normal(size=(64, 4096)).astype(np.float32)
    out = np.lib.format.open_memmap(path, "w+", np.float32, (count, 4096))
    for first in range(0, count, 1000):
        size = min(1000, count - first)
        points = centres[rng.integers(0, 200, size)] + 0.4 * rng.normal(size=(size, 64))
        values = points.astype(np.float32) @ turn
        values += rng.standard_normal(values.shape, np.float32)
        out[first : first + size] = np.maximum(values - 6, 0)
    out.flush()


def median(call: Callable[[np.ndarray], object], asked: np.ndarray) -> str:
    """Median and 90th percentile of the milliseconds of a call, one vector each."""
    times = []
    for row in range(len(asked)):
        began = time.perf_counter()
        call(asked[row : row + 1])
        times.append(1000 * (time.perf_counter() - began))
    tenth = statistics.quantiles(times, n=10)[-1]
    return f"{statistics.median(times):7.2f} ms a query (9 of 10 within {tenth:.2f})"


def report(path: Path, count: int) -> None:
    began = time.perf_counter()
    file_hash(path)
    print(f"hash of the file  {time.perf_counter() - began:.1f} s")
    vectors = np.load(path, mmap_mode="r", allow_pickle=False)[:count]
    print(f"vectors  {len(vectors):,} of {vectors.shape[1]:,} values")
    order = np.random.default_rng(0).permutation(len(vectors))
    places = np.sort(order[: held_out(len(vectors))])
    rest = np.sort(order[len(places) :][:20000])
    asked = vectors[places[:: max(1, len(places) // _ASKED)][:_ASKED]]
    search.nearest(vectors, asked[:1], _TOP)
    exact = median(lambda each: search.nearest(vectors, each, _TOP), asked)
    print(f"none     {exact}")
    for kind in (codes.PCA, codes.BINARY):
        began = time.perf_counter()
        coder = codes.fitted(kind, vectors[rest], 0)
        stored = codes.encoded(coder, vectors)
        trained = time.perf_counter() - began
        if kind == codes.PCA:

            def ask(each: np.ndarray, c=coder, s=stored) -> object:
                return search.by_components(vectors, s, each, c(each), _TOP)
        else:
            binary = search.binary_index(stored)

            def ask(each: np.ndarray, c=coder, b=binary) -> object:
                return search.nearest_bits(b, c(each), _TOP)

        ask(asked[:1])
        print(f"{kind:8} {median(ask, asked)}, codes made in {trained:.0f} s")
        found = measured(kind, coder, vectors, stored, places)
        print("        ", ", ".join(f"{k} {v:.4g}" for k, v in found.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--count", type=int, default=50000)
    given = parser.parse_args()
    if given.vectors is not None:
        report(given.vectors, given.count)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.npy"
        drawn(path, given.count)
        report(path, given.count)


if __name__ == "__main__":
    main()
