"""`Index`: pictures that can be searched by content."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_alexnet import files
from keras_alexnet.answering import spread
from keras_alexnet.classifier import Classifier, names_of
from keras_alexnet.extraction.identity import weights_hash
from keras_alexnet.extraction.pictures import Pictures, PicturesOfFiles
from keras_alexnet.reasons import must_be
from keras_alexnet.recipe import Recipe
from keras_alexnet.retrieval import search
from keras_alexnet.retrieval.building import CODES, NAMES, VECTORS, write_index
from keras_alexnet.retrieval.codes import BINARY, CODERS, KINDS, NONE, PCA
from keras_alexnet.retrieval.files import (
    MANIFEST,
    check_place,
    checked_path,
    damaged,
    new_files,
    read,
    read_array,
    read_texts,
)
from keras_alexnet.retrieval.thumbnails import SHOWN, thumbnail
from keras_alexnet.whole_numbers import whole_number

# Pictures at a time, when they are stored and when they are asked: of one size, so that
# a picture has the same values to the bit. Larger ones make a single question slow.
BATCH = 8


class Neighbour(NamedTuple):
    """A picture that is near to another.

    Args:
        name: Its name in the data.
        distance: Euclidean, between the outputs of the layer; with `bits256` the number
            of bits that differ, 0 to 256.
        place: Its place in the index.
    """

    name: str
    distance: float
    place: int


class Answer(NamedTuple):
    """The answer for a picture.

    Args:
        picture: Its path, or its index among those that were asked.
        fault: Why it cannot be read; empty if it can.
        neighbours: The nearest first; none if it cannot be read.
    """

    picture: str
    fault: str
    neighbours: list[Neighbour]


class Index:
    """Pictures that can be searched by content, in a directory of its own.

    Made by `Index.build` and opened by `Index.open`.

    Attributes:
        directory: Its directory.
        facts: What `index.json` holds: model, layer, data, recall of the codes.
        names: Name of each picture.

    Example:

    >>> index = Index.open("photos.index")  # doctest: +SKIP
    >>> index.query(["cat.jpg"])[0][0].name  # doctest: +SKIP
    'train/tabby/0012.jpg'
    """

    def __init__(self, directory: Path, facts: dict[str, Any]) -> None:
        self.directory, self.facts = directory, facts
        kind, count, values = facts["codes"], facts["pictures"], facts["values"]
        self.names = read_texts(directory, facts, NAMES, count)
        self._classifier: Classifier | None = None
        self._vectors: Any = None
        self._codes: Any = None
        self._binary: Any = None
        self._coder: Any = None
        if kind != BINARY:
            self._vectors = self._array(VECTORS, (count, values), "<f4")
        if kind == NONE:
            return
        shapes = CODERS[kind].shapes(values, facts["components"])
        arrays = {name: self._array(name, shape) for name, shape in shapes.items()}
        self._coder = CODERS[kind](arrays)
        if kind == PCA:
            self._codes = self._array(CODES, (count, facts["components"]))
        else:
            self._binary = search.binary_index(self._array(CODES, (count, 32), "u1"))

    def _array(
        self, role: str, shape: tuple[int, ...], dtype: str = "<f4"
    ) -> np.ndarray:
        return read_array(self.directory, self.facts, role, shape, dtype)

    @classmethod
    def build(
        cls,
        classifier: Classifier,
        pictures: Pictures | Sequence[str | os.PathLike],
        directory: str | os.PathLike,
        layer: str = "fc7",
        codes: str = NONE,
        *,
        seed: int = 0,
        options: Mapping[str, Any] | None = None,
        watch: Callable[[int, int], object] | None = None,
    ) -> Index:
        """Describes all pictures by the outputs of a layer, and stores these.

        The index appears whole or not at all; an older one in its place is replaced
        then, and nothing else is removed. Pictures that cannot be read are left out.
        Small copies are kept of pictures that are no files of their own.

        Args:
            classifier: The network.
            pictures: `PicturesOfData(source, split)`, or a list of paths.
            directory: Where it is kept: new, empty, or an index.
            layer: As for `Classifier.features`.
            codes: `"none"` keeps the vectors as they are, and compares with all;
                `"pca128"` also keeps 128 principal components of each, compares these,
                and of the best 128 the vectors; `"bits256"` keeps nothing but 256 bits
                of each, of an autoencoder (section 6.1 of the paper).
            seed: Of what training the codes draws.
            options: `variant` and `image_size` of a file of weights that needs them to
                be opened again.
            watch: Called with the number of pictures that are described, and of all.

        Returns:
            The index, opened.

        Raises:
            ValueError: If faiss is not installed, there is no such layer, or the
                directory holds something else.

        Example:

        >>> Index.build(classifier, ["a.jpg", "b.jpg"], "my.index")  # doctest: +SKIP
        """
        if codes not in KINDS:
            raise must_be("codes", f"one of {KINDS}", codes)
        search.faiss()
        seed = whole_number("seed", seed, 0)
        path = files.given_path("index", directory)
        check_place(path)
        if not isinstance(pictures, Pictures):
            pictures = PicturesOfFiles(pictures)
        with files.named_in_errors(path), new_files(path) as folder:
            write_index(
                folder,
                classifier,
                pictures,
                layer,
                codes,
                seed,
                BATCH,
                options or {},
                watch,
            )
        return cls.open(path, classifier)

    @classmethod
    def open(
        cls, directory: str | os.PathLike, classifier: Classifier | None = None
    ) -> Index:
        """Opens an index, and checks every file against its hash.

        Args:
            directory: Its directory.
            classifier: The network that it was built with; by default it is opened by
                its recorded path when pictures are asked.

        Raises:
            ValueError: If it is missing, damaged, or of another network.
        """
        search.faiss()
        path = files.given_path("index", directory)
        facts = read(path)
        if facts["codes"] not in KINDS:
            raise damaged(path / MANIFEST, f"codes of {facts['codes']!r:.40}")
        index = cls(path, facts)
        if classifier is not None:
            index._check(classifier)
        index._classifier = classifier
        return index

    def query(self, asked: Any, top: int = 6) -> list[list[Neighbour]]:
        """The nearest pictures to some.

        Args:
            asked: Pictures as `Classifier.features` takes them, in a list; or their
                outputs of the layer, an array of floats `[n, values]`.
            top: How many to return for each.

        Returns:
            For each its neighbours, the nearest first; none for a picture that cannot
            be read.

        Raises:
            ValueError: If `top` or the array is not as above, or the model cannot be
                opened or is another one.

        Example:

        >>> index.query(["cat.jpg"], top=1)  # doctest: +SKIP
        [[Neighbour(name='tabby/0012.jpg', distance=11.2, place=12)]]
        """
        if not isinstance(asked, np.ndarray):
            return [each.neighbours for each in self.answers(asked, top)]
        vectors = asked
        if vectors.shape[1:] != (self.facts["values"],) or vectors.dtype.kind != "f":
            raise must_be("asked", f"floats [n, {self.facts['values']}]", vectors.shape)
        if not np.isfinite(vectors).all():
            raise must_be("asked", "finite", "others among them")
        return self._nearest(vectors.astype(np.float32), top)

    def answers(self, pictures: Sequence[Any], top: int = 6) -> list[Answer]:
        """The nearest pictures to some, and why some of these cannot be read.

        Args:
            pictures: As `Classifier.features` takes them, in a list.
            top: How many to return for each.

        Raises:
            ValueError: As `query` raises it.
        """
        faults, vectors = self.vectors(pictures)
        good = np.array([not fault for fault in faults])
        found = iter(self._nearest(vectors[good], top) if good.any() else ())
        return [
            Answer(name, fault, [] if fault else next(found))
            for name, fault in zip(names_of(pictures), faults, strict=True)
        ]

    def _nearest(self, vectors: np.ndarray, top: int) -> list[list[Neighbour]]:
        top = min(whole_number("top", top), len(self.names))
        distances, places = self._found(vectors, top)
        return [
            [
                Neighbour(self.names[place], float(distance), int(place))
                for distance, place in zip(*row, strict=True)
            ]
            for row in zip(distances, places, strict=True)
        ]

    def _found(self, vectors: np.ndarray, top: int) -> search.Found:
        if self._binary is not None:
            return search.nearest_bits(self._binary, self._coder(vectors), top)
        if self._codes is not None:
            projected = self._coder(vectors)
            return search.by_components(
                self._vectors, self._codes, vectors, projected, top
            )
        return search.nearest(self._vectors, vectors, top)

    def vectors(self, pictures: Sequence[Any]) -> tuple[list[str], np.ndarray]:
        """The outputs of the layer for pictures, as the index holds them.

        Args:
            pictures: As `Classifier.features` takes them, in a list.

        Returns:
            Why each cannot be read, empty if it can; and float32 `[n, values]`, NaN for
            those that cannot.

        Raises:
            ValueError: If the model cannot be opened, or is another one.
        """
        if not isinstance(pictures, (list, tuple)) or not pictures:
            raise must_be("pictures", "a list of pictures", pictures)
        layer, size = self.facts["layer"], self.facts["batch_size"]
        describing = self.classifier().describing(layer)
        faults: list[str] = []
        rows = []
        for first in range(0, len(pictures), size):
            some, outputs = describing(pictures[first : first + size], size)
            faults += some
            rows.append(spread(outputs[layer], some).reshape(len(some), -1))
        return faults, np.concatenate(rows)

    def classifier(self) -> Classifier:
        """The network of the index.

        Raises:
            ValueError: If it cannot be opened, or its weights are not those that the
                index was built with.
        """
        if self._classifier is None:
            model, recipe = self.facts["model"], self.facts["recipe"]
            own = recipe is None or model.get("export")
            found = Classifier(
                model["path"],
                variant=model.get("variant"),
                image_size=model.get("image_size"),
                preprocessing=None if own else Recipe.from_dict(recipe),
            )
            self._check(found)
            self._classifier = found
        return self._classifier

    def with_model(self, what: str | os.PathLike) -> Index:
        """The index itself, whose model is opened from another place.

        Args:
            what: As `Classifier` takes it.

        Raises:
            ValueError: As `classifier` raises it.
        """
        self.facts["model"] = {**self.facts["model"], "path": os.fspath(what)}
        self._classifier = None
        self.classifier()
        return self

    def _check(self, classifier: Classifier) -> None:
        held = self.facts["model"].get("sha256")
        found = weights_hash(classifier)
        if found != held:
            raise ValueError(
                "an index must be asked with the model that it was built with; build "
                f"it again. Received: {str(self.directory)!r} of the weights "
                f"{str(held)[:12]}, and {classifier.origin!r} with {found[:12]}"
            )

    def shown(self, place: int) -> bytes:
        """A small JPEG of a picture; empty if there is none, or its file is gone."""
        folder = self.facts.get("folder")
        if isinstance(folder, str):
            return thumbnail(os.path.join(folder, self.names[place]), side=SHOWN)
        content, ends = self._thumbnails
        return content[
            int(ends[place - 1]) if place else 0 : int(ends[place])
        ].tobytes()

    @functools.cached_property
    def _thumbnails(self) -> tuple[np.ndarray, np.ndarray]:
        """All of them one after the other, and where each ends."""
        path = checked_path(self.directory, self.facts, "thumbnails")
        content = np.fromfile(path, np.uint8)
        ends = self._array("thumbnail_ends", (self.facts["pictures"],), "<i8")
        if (np.diff(ends, prepend=0, append=len(content)) < 0).any():
            raise damaged(path, "not as long as it must be")
        return content, ends
