"""How a picture becomes a network's input: resize, crop, views, colours."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_alexnet import files, json_schema
from keras_alexnet.data.formats import READ
from keras_alexnet.data.sources import TRAIN, Source
from keras_alexnet.data.views import TEN, Views, bordered_size, ten_views
from keras_alexnet.pixels import pixels_of
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.reasons import must_be, reason, shown
from keras_alexnet.whole_numbers import whole_number

RESIZES = ("shorter_side", "warp")
VIEWS = (1, TEN)
# A description from elsewhere may name any size, and some networks read any: one
# picture of this side is 200 MB.
MOST_PIXELS = 4096


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Turns a picture of any size into a network's input.

    The picture is resized, `image_size` × `image_size` is cropped from its centre, and
    each channel becomes `(value − mean) / scale`, in the network's order of colours.

    Args:
        preprocessing: Colour order, mean and scale.
        resize: `"shorter_side"` scales the shorter side to `resize_size`, which keeps
            the proportions; `"warp"` scales both sides to it.
        resize_size: In pixels, from `image_size` to 8192.
        image_size: Side of the views in pixels, the network's input, 1 to 4096.
        views: 1, the centre, or 10: corners and centre, and all mirrored (paper,
            section 4.1).

    Raises:
        ValueError: If an argument is out of range.

    Example:

    >>> recipe = Recipe(Preprocessing(), "shorter_side", 256, 224)
    >>> recipe(np.zeros([300, 400, 3], "uint8")).shape
    (1, 224, 224, 3)
    """

    preprocessing: Preprocessing
    resize: str
    resize_size: int
    image_size: int
    views: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.preprocessing, Preprocessing):
            raise must_be("preprocessing", "a Preprocessing", self.preprocessing)
        if self.resize not in RESIZES:
            raise must_be("resize", f"one of {RESIZES}", self.resize)
        expected = f"one of {VIEWS}"
        views = whole_number("views", self.views, expected=expected)
        if views not in VIEWS:
            raise must_be("views", expected, self.views)
        object.__setattr__(self, "views", views)
        side = whole_number("image_size", self.image_size, 1, MOST_PIXELS)
        object.__setattr__(self, "image_size", side)
        size = whole_number("resize_size", self.resize_size, side, 2 * MOST_PIXELS)
        object.__setattr__(self, "resize_size", size)

    @classmethod
    def of_colours(cls, preprocessing: Preprocessing, image_size: int) -> Recipe:
        """The paper's resize and crop, with these colours.

        The shorter side is scaled to 256 for crops of 224, and in proportion for other
        crops (paper, sections 2 and 4.1).
        """
        size = bordered_size(image_size)
        return cls(preprocessing, "shorter_side", size, image_size)

    def resized(self, image_size: int) -> Recipe:
        """The recipe for a network of another input size: the crop stays in proportion.

        Example:

        >>> recipe = Recipe(Preprocessing(), "warp", 256, 227)
        >>> recipe.resized(454).resize_size
        512
        """
        image_size = whole_number("image_size", image_size)
        if image_size == self.image_size:
            return self
        size = round(image_size * self.resize_size / self.image_size)
        return dataclasses.replace(self, image_size=image_size, resize_size=size)

    def __call__(self, pictures: Any) -> Any:
        """Prepares pictures, for `model(recipe(pictures))`.

        Args:
            pictures: One picture or a list of them. A picture is the path of a file
                (text or a `Path`), the bytes of a JPEG, PNG, GIF, BMP or WebP, an image
                of Pillow, or its pixels in R, G, B, 0 to 255: an array or a tensor
                `[height, width, 3]`, or `[height, width, 1]` for grey. An array or a
                tensor `[pictures, height, width, 3]` is a batch; a string tensor with
                no axis or one axis holds encoded pictures.

        Returns:
            float32 `[views · pictures, side, side, 3]`: a tensor for tensors, in a
            graph too, else an array.

        Raises:
            ValueError: If one is no picture; the message has its path or index.
            OSError: If a file cannot be read.

        Warns:
            UserWarning: If pixels have values that no picture of 0-255 has.

        Example:

        >>> recipe = Recipe(Preprocessing(), "shorter_side", 256, 224)
        >>> recipe(["cat.jpg", "dog.png"])  # doctest: +SKIP
        """
        prepared = self.cut(self.batch(pictures))
        symbolic = tf.is_tensor(pictures) or not tf.executing_eagerly()
        return prepared if symbolic else prepared.numpy()

    def batch(self, pictures: Any) -> tf.Tensor:
        """Resizes pictures; views and colours come later: uint8 `[n, s, s, 3]`.

        Args:
            pictures: As in a call.

        Raises:
            ValueError: If one is no picture.
            OSError: If a file cannot be read.
        """
        if tf.is_tensor(pictures) and pictures.dtype == tf.string:
            return self._of_strings(pictures)
        if not isinstance(pictures, (list, tuple)):
            if getattr(pictures, "ndim", None) == 4:
                return self.part(pixels_of(pictures, "pictures"))
            pictures = [pictures]
        if not pictures:
            raise ValueError("pictures must hold one picture or more. Received: none")
        parts = [
            self._of_one(each, f"picture {index}")
            for index, each in enumerate(pictures)
        ]
        return tf.stack(parts)

    def _of_strings(self, encoded: tf.Tensor) -> tf.Tensor:
        if encoded.shape.rank == 0:
            encoded = encoded[None]
        spec = tf.TensorSpec([self.side, self.side, 3], tf.uint8)
        return tf.map_fn(self.decoded, encoded, fn_output_signature=spec)

    def _of_one(self, picture: Any, name: str) -> tf.Tensor:
        if isinstance(picture, (str, os.PathLike)):
            name = repr(files.expanded(picture))
            picture = files.read_picture(picture)
        if isinstance(picture, bytes):
            picture = tf.constant(picture)
        if tf.is_tensor(picture) and picture.dtype == tf.string:
            try:
                return self.decoded(picture)
            except tf.errors.OpError as error:
                raise ValueError(
                    f"pictures must be readable as {READ}. "
                    f"Received: {name} ({reason(error)})"
                ) from None
        return self.part(pixels_of(picture, name))

    def views_of(self, source: Source) -> Views:
        """The views of a data set's pictures, which may be prepared squares."""
        warp = self.resize == "warp"
        return Views.of(source, self.image_size, self.resize_size, warp)

    @property
    def side(self) -> int:
        """Side of the resized square from which the views are cropped."""
        return self.image_size if self.views == 1 else self.resize_size

    @property
    def _of_originals(self) -> Views:
        return Views(
            self.image_size, resize_size=self.resize_size, warp=self.resize == "warp"
        )

    def decoded(self, image: tf.Tensor) -> tf.Tensor:
        """The resized square of an encoded picture: uint8 `[side, side, 3]`."""
        return self.part(self._of_originals.decode(image))

    def part(self, pixels: tf.Tensor) -> tf.Tensor:
        """The resized central square of pictures `[…, height, width, 3]`: uint8."""
        return self._of_originals.scaled_square(pixels, self.side)

    def cut(self, parts: tf.Tensor) -> tf.Tensor:
        """All views of resized squares, prepared: `[views · batch, side, side, 3]`."""
        if self.views == 1:
            return self.preprocessing(parts)
        side = self.image_size
        views = tf.reshape(ten_views(parts, side), [-1, side, side, 3])
        return self.preprocessing(views)

    def batches(
        self,
        source: Source,
        split: str = TRAIN,
        batch_size: int = 64,
        seed: int | None = None,
    ) -> tf.data.Dataset:
        """The pictures of a data set, prepared, and their labels, for `Model.fit`.

        They are the central views, bit for bit those that `evaluate` uses.

        Args:
            source: The data set.
            split: `"train"` or `"validation"`.
            batch_size: Pictures in a batch; the last one may have fewer.
            seed: If given, each pass has another order, which the seed determines. The
                files of the split, still encoded, are then held in memory.

        Returns:
            Pairs of float32 `[batch, side, side, 3]` and int64 `[batch]`.

        Raises:
            ValueError: If the data set has no such split.

        Example:

        >>> recipe.batches(open_source("folder:photos"), seed=0)  # doctest: +SKIP
        """
        if split not in source.sizes:
            raise must_be("split", f"one of {tuple(source.sizes)}", split)
        size = whole_number("batch_size", batch_size)
        view, colours = self.views_of(source).centre, self.preprocessing
        examples = source.ordered(split)
        if seed is not None:
            examples = examples.shuffle(source.sizes[split], seed)
        return (
            examples.map(
                lambda each: (view(each["image"]), each["label"]),
                num_parallel_calls=tf.data.AUTOTUNE,
            )
            .batch(size)
            .map(lambda views, labels: (colours(views), labels))
            .prefetch(2)
        )

    def centre(self) -> Recipe:
        """The same recipe with only the central view."""
        return dataclasses.replace(self, views=1)

    def as_dict(self) -> dict[str, Any]:
        """The recipe as runs and exports store it in JSON.

        Example:

        >>> recipe = Recipe(Preprocessing(), "warp", 256, 227)
        >>> Recipe.from_dict(recipe.as_dict()) == recipe
        True
        """
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, held: dict[str, Any]) -> Recipe:
        """The recipe from the result of `as_dict`.

        Raises:
            ValueError: If a field is missing or unknown.
        """
        fault = json_schema.fault(held, cls)
        if fault is not None:
            raise ValueError(
                "a recipe must have the fields preprocessing, resize, resize_size, "
                f"image_size and views. Received: {shown(held)} ({fault})"
            )
        colours = Preprocessing(**held["preprocessing"])
        return cls(**{**held, "preprocessing": colours})

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """The recipe in a JSON file.

        Raises:
            ValueError: If it is damaged.
            OSError: If it cannot be read.
        """
        held = files.read_json(path)
        try:
            return cls.from_dict(held)
        except ValueError as error:
            raise ValueError(
                "a recipe must be as it was written; restore the file. "
                f"Received: {str(path)!r} ({reason(error)})"
            ) from None
