"""How a picture becomes what the network sees: resize, views, colours."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from keras_alexnet import architectures
from keras_alexnet.data.views import TEN, Views, bordered_size, ten_views
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.weights import records
from keras_alexnet.weights.records import WeightSet
from keras_alexnet.whole_numbers import as_whole

VIEWS = (1, TEN)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """From decoded pictures of any size to the network's input.

    Args:
        preprocessing: Colour order, mean and scale.
        resize: `"shorter_side"` keeps the proportions, `"warp"` does not.
        resize_size: Side of the square that the views are cut from.
        image_size: Side of the views, the network's input.
        views: 1, the centre, or 10: corners and centre, and all mirrored (paper,
            section 4.1).

    Example:

    >>> recipe = Recipe(Preprocessing(), "shorter_side", 256, 224)
    >>> pictures = recipe.part(tf.zeros([1, 300, 400, 3], tf.uint8))
    >>> tuple(recipe.cut(pictures).shape)
    (1, 224, 224, 3)
    """

    preprocessing: Preprocessing
    resize: str
    resize_size: int
    image_size: int
    views: int = 1

    def __post_init__(self) -> None:
        views = as_whole(self.views)
        if views not in VIEWS:
            raise ValueError(
                f"views must be one of {VIEWS}. Received: views={self.views!r}"
            )
        object.__setattr__(self, "views", views)

    @classmethod
    def of(
        cls, named: str | Preprocessing | WeightSet, image_size: int, views: int = 1
    ) -> Recipe:
        """The recipe of a variant, of published weights or of a record.

        Raises:
            ValueError: If there is none of that name.
        """
        if isinstance(named, str) and named in records.names():
            named = records.get(named)
        if isinstance(named, WeightSet):
            size = named.resized(image_size)
            return cls(named.preprocessing, named.resize, size, image_size, views)
        size = bordered_size(image_size)
        return cls(_preprocessing(named), "shorter_side", size, image_size, views)

    @property
    def side(self) -> int:
        """Side of what is kept of a picture before the views are cut."""
        return self.image_size if self.views == 1 else self.resize_size

    @property
    def _looks(self) -> Views:
        return Views(
            self.image_size, resize_size=self.resize_size, warp=self.resize == "warp"
        )

    def decoded(self, image: tf.Tensor) -> tf.Tensor:
        """That part of an encoded picture, uint8 `[side, side, 3]`."""
        return self.part(self._looks.decode(image))

    def part(self, pixels: tf.Tensor) -> tf.Tensor:
        """The centre of pictures `[…, height, width, 3]`, resized: uint8."""
        return self._looks.scaled_square(pixels, self.side)

    def cut(self, parts: tf.Tensor) -> tf.Tensor:
        """All views of a batch of parts, prepared: `[views · batch, side, side, 3]`."""
        if self.views == 1:
            return self.preprocessing(parts)
        side = self.image_size
        views = tf.reshape(ten_views(parts, side), [-1, side, side, 3])
        return self.preprocessing(views)

    def centre(self) -> Recipe:
        """The same with the central view alone."""
        return dataclasses.replace(self, views=1)


def _preprocessing(named: str | Preprocessing) -> Preprocessing:
    if isinstance(named, Preprocessing):
        return named
    if named not in architectures.names():
        raise ValueError(
            "preprocessing must be a record, or the name of a variant "
            f"{architectures.names()} or of published weights {records.names()}. "
            f"Received: preprocessing={named!r}"
        )
    return architectures.get(named).preprocessing
