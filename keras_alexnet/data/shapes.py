"""The embedded data set `shapes`, as a tensorflow-datasets builder.

Importing this module imports tensorflow-datasets and registers the builder.
"""

import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from keras_alexnet.data import drawing

NUM_EXAMPLES: dict[str, int] = {"train": 2000, "validation": 500}

_Example = tuple[str, dict[str, Any]]  # key and features

_SEED = 2012
_JPEG_QUALITY = 90
_DESCRIPTION = """\
Ten everyday forms (an arrow, a crescent, a cross, a disc, a heart, an hourglass, a
ring, a square, a star and a triangle) on cluttered grounds. Colour, texture, place,
size and light are random, so that only the form tells the classes apart. The pictures
are drawn from a fixed seed, nothing is downloaded: 2,000 to train on and 500 to
validate with, JPEGs of different sizes around 300 pixels, balanced over the classes.
"""


class Shapes(tfds.core.GeneratorBasedBuilder):
    """Builder of `shapes`: ten forms drawn on cluttered grounds.

    It is built in seconds, but has ImageNet's form: JPEGs of different sizes and aspect
    ratios, with the splits `"train"` and `"validation"`.

    Example:

    >>> builder = Shapes(data_dir="data")  # doctest: +SKIP
    >>> builder.download_and_prepare()  # doctest: +SKIP
    >>> dataset = builder.as_dataset(split="train")  # doctest: +SKIP
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "First release."}

    def _info(self) -> tfds.core.DatasetInfo:
        image = tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg")
        label = tfds.features.ClassLabel(names=list(drawing.CLASS_NAMES))
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict({"image": image, "label": label}),
            supervised_keys=("image", "label"),
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[_Example]]:
        return {split: self._generate_examples(split) for split in NUM_EXAMPLES}

    def _generate_examples(self, split: str) -> Iterator[_Example]:
        def example(index: int) -> _Example:
            jpeg, label = draw_example(split, index)
            return f"{split}-{index:05}", {"image": io.BytesIO(jpeg), "label": label}

        # Threads, since Pillow and NumPy release the interpreter lock.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            yield from pool.map(example, range(NUM_EXAMPLES[split]))


def draw_example(split: str, index: int) -> tuple[bytes, int]:
    """Draws one example of the data set.

    An example is a function of its split and index alone; the order of drawing changes
    nothing. Successive examples have successive labels: every split is balanced.

    Args:
        split: `"train"` or `"validation"`.
        index: Number of the example within its split.

    Returns:
        The picture as encoded JPEG, and its label.

    Raises:
        IndexError: If the split has no example of that number.

    Example:

    >>> jpeg, label = draw_example("train", 12)
    >>> drawing.CLASS_NAMES[label]
    'cross'
    """
    if not 0 <= index < NUM_EXAMPLES[split]:
        raise IndexError(f"Split {split!r} has no example {index}.")
    label = index % len(drawing.CLASS_NAMES)
    stream = list(NUM_EXAMPLES).index(split)
    picture = drawing.draw(label, np.random.default_rng((_SEED, stream, index)))
    with io.BytesIO() as buffer:
        picture.save(buffer, format="JPEG", quality=_JPEG_QUALITY)
        return buffer.getvalue(), label
