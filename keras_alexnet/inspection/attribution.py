"""Which places of a picture matter for a class, and whether the method looks at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_alexnet.blocks import is_activation
from keras_alexnet.inputs import check_model
from keras_alexnet.inspection.findings import Map
from keras_alexnet.inspection.ranks import rank_correlation
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.reasons import must_be
from keras_alexnet.whole_numbers import whole_number

_GREY = 127.5  # of 0 to 255
_OCCLUDED = 0.15  # side of the grey square, by default, of the picture's
_MAPS, _LOGITS = "maps", "logits"


class Explained:
    """A network whose answers are explained, picture by picture.

    Scores are the logits, what `fc8` gives before the softmax, which keeps a class's
    map free of what the other classes do.

    Args:
        model: A packed model of `AlexNet` with its top; it is not changed.
        preprocessing: How pixels become its input.

    Raises:
        ValueError: If the model has no `conv1` or no `fc8`.

    Example:

    >>> model = AlexNet(input_shape=(64, 64, 3), classes=10)
    >>> network = Explained(model, Preprocessing())
    >>> network.grad_cam(np.zeros([64, 64, 3], "uint8"), output=3).shape
    (64, 64)
    """

    def __init__(self, model: keras.Model, preprocessing: Preprocessing) -> None:
        check_model(model)
        maps, self._rectified = _last_maps(model)
        logits = _output_of(model, "fc8")
        network = keras.Model(model.input, {_MAPS: maps, _LOGITS: logits})
        self._classes, self._side = logits.shape[-1], model.input_shape[1]

        # Compiled once for all pictures and classes.
        @tf.function(input_signature=[self._of(None)])
        def scores(pixels: tf.Tensor) -> tf.Tensor:
            found = network(preprocessing(pixels), training=False)
            return tf.nn.log_softmax(tf.cast(found[_LOGITS], tf.float32))

        @tf.function(input_signature=[self._of(1), tf.TensorSpec([], tf.int32)])
        def gradients(pixels: tf.Tensor, output: tf.Tensor) -> tuple[tf.Tensor, ...]:
            with tf.GradientTape() as tape:
                tape.watch(pixels)
                found = network(preprocessing(pixels), training=False)
                score = tf.gather(found[_LOGITS][0], output)
            by_pixel, by_map = tape.gradient(score, [pixels, found[_MAPS]])
            return by_pixel, found[_MAPS], by_map

        self._scores, self._gradients = scores, gradients

    def _of(self, batch: int | None) -> tf.TensorSpec:
        return tf.TensorSpec([batch, self._side, self._side, 3], tf.float32)

    def occlusion(
        self,
        pixels: Any,
        output: int,
        size: int | None = None,
        stride: int | None = None,
        batch_size: int = 32,
    ) -> np.ndarray:
        """How much less likely a class is with parts of the picture behind a square.

        A grey square is slid over the picture. The value of a pixel is the mean, over
        all squares that cover it, of `log p(whole) − log p(covered)`. Zeiler and Fergus
        show p itself; its logarithm still tells places apart where p is nearly 1.

        Args:
            pixels: uint8 `[side, side, 3]`, R, G, B.
            output: Index of the class.
            size: Side of the square in pixels, 15 % of the picture's by default.
            stride: Its step, half its side by default; the last squares end at the
                border.
            batch_size: Squares at a time.

        Returns:
            float32 `[side, side]`; above 0 where the picture speaks for the class.

        Raises:
            ValueError: If an argument is out of range.

        Reference:
            - Zeiler, Fergus: Visualizing and Understanding Convolutional Networks, ECCV
              2014, section 4.2.
        """
        given = self._checked(pixels, output)
        side = given.shape[1]
        size = round(side * _OCCLUDED) if size is None else whole_number("size", size)
        size = max(1, size)
        if size > side:
            raise must_be("size", f"at most the picture's side, {side}", size)
        stride = size // 2 if stride is None else whole_number("stride", stride)
        corners = _corners(side, size, max(1, stride))
        drops: list[float] = []
        (whole,) = self._scores(tf.constant(given)).numpy()[:, output]
        for start in range(0, len(corners), batch_size):
            part = corners[start : start + batch_size]
            covered = np.repeat(given, len(part), axis=0)
            for picture, (top, left) in zip(covered, part, strict=True):
                picture[top : top + size, left : left + size] = _GREY
            drops += (
                whole - self._scores(tf.constant(covered)).numpy()[:, output]
            ).tolist()
        sums: np.ndarray = np.zeros([side, side])
        counts: np.ndarray = np.zeros([side, side])
        for (top, left), drop in zip(corners, drops, strict=True):
            place = slice(top, top + size), slice(left, left + size)
            sums[place] += drop
            counts[place] += 1
        return (sums / counts).astype(np.float32)

    def input_gradient(self, pixels: Any, output: int) -> np.ndarray:
        """How a class's score changes with each pixel: `∂ score / ∂ pixel`.

        Simonyan et al. show `max_c |∂ score / ∂ pixel_c|` over the colours c, as does
        `explained_beside`.

        Args:
            pixels: uint8 `[side, side, 3]`, R, G, B.
            output: Index of the class.

        Returns:
            float32 `[side, side, 3]`, for pixels of 0 to 255 in R, G, B.

        Raises:
            ValueError: If an argument is out of range.

        Reference:
            - Simonyan, Vedaldi, Zisserman: Deep Inside Convolutional Networks, ICLR
              workshop 2014, section 3.
        """
        given = self._checked(pixels, output)
        by_pixel, _, _ = self._gradients(tf.constant(given), tf.constant(output))
        return by_pixel.numpy()[0]

    def grad_cam(self, pixels: Any, output: int) -> np.ndarray:
        """Which places of the last convolution's maps speak for a class.

        `relu(Σ_k α_k A_k)`, with the maps A of the last convolution after its
        activation and α_k the mean of `∂ score / ∂ A_k` over the places, scaled to the
        picture. With a ReLU the gradient is that before it: it is 0 where a map is.

        Args:
            pixels: uint8 `[side, side, 3]`, R, G, B.
            output: Index of the class.

        Returns:
            float32 `[side, side]`, 0 or more.

        Raises:
            ValueError: If an argument is out of range.

        Reference:
            - Selvaraju et al.: Grad-CAM, ICCV 2017, section 3.
        """
        given = self._checked(pixels, output)
        _, maps, by_map = self._gradients(tf.constant(given), tf.constant(output))
        maps, by_map = (tf.cast(each[0], tf.float32) for each in (maps, by_map))
        weights = tf.reduce_mean(by_map, axis=[0, 1])
        maps = tf.nn.relu(maps) if self._rectified else maps
        seen = tf.nn.relu(tf.reduce_sum(maps * weights, axis=-1))
        side = given.shape[1]
        return tf.image.resize(seen[..., None], [side, side]).numpy()[..., 0]

    def _checked(self, pixels: Any, output: int) -> np.ndarray:
        """The picture as a batch of float32."""
        given = np.asarray(pixels, np.float32)
        if given.shape != (self._side, self._side, 3):
            raise ValueError(
                f"pixels must be [{self._side}, {self._side}, 3], as the network's "
                f"input. Received: shape={given.shape}"
            )
        if not 0 <= output < self._classes:
            expected = f"the index of one of the {self._classes} outputs"
            raise must_be("output", expected, output)
        return given[None]


# Methods by name; each gives `[side, side]` or, by colour, `[side, side, 3]`.
METHODS: dict[str, Callable[[Explained, Any, int], np.ndarray]] = {
    "occlusion": Explained.occlusion,
    "input gradient": Explained.input_gradient,
    "Grad-CAM": Explained.grad_cam,
}


def explained_beside(
    method: str, trained: Explained, random: Explained, pixels: Any, output: int
) -> Map:
    """A picture's map by one method, beside that of a randomised network.

    The correlation is that of the gradients with their signs: magnitudes alone agree in
    part for any weights, since fewer units read the pixels near the border.

    Args:
        method: `"occlusion"`, `"input gradient"` or `"Grad-CAM"`.
        trained: The network.
        random: The same with random weights, see `randomised`.
        pixels: uint8 `[side, side, 3]`, R, G, B.
        output: Index of the class.
    """
    explain = METHODS[method]
    values, others = (explain(each, pixels, output) for each in (trained, random))
    correlation = rank_correlation(values, others)
    return Map(method, shown(values), shown(others), correlation)


def shown(values: np.ndarray) -> np.ndarray:
    """A map `[side, side]`; of gradients by colour, their largest magnitude."""
    return values if values.ndim == 2 else np.abs(values).max(axis=-1)


def randomised(model: keras.Model, seed: int = 0) -> keras.Model:
    """A copy of a network that has learnt nothing, with random weights.

    Kernels are normal with variance 2 / fan-in (He et al. 2015), at which the signal
    neither grows nor vanishes from layer to layer; biases are 0, and batch
    normalisation is as new. A method that explains what a network has learnt must give
    another map for it.

    Args:
        model: A model of Keras; it is not changed.
        seed: Of the weights.

    Returns:
        A new model with the same layers.

    Example:

    >>> model = AlexNet(input_shape=(64, 64, 3), classes=10)
    >>> copy = randomised(model)
    >>> old, new = (each.get_layer("fc8").get_weights()[0] for each in (model, copy))
    >>> bool((old == new).any())
    False

    Reference:
        - Adebayo et al.: Sanity Checks for Saliency Maps, NeurIPS 2018, section 3.
    """
    check_model(model)
    copy = keras.models.clone_model(model)
    rng = np.random.default_rng(seed)
    for layer in copy.layers:
        if getattr(layer, "kernel", None) is None:
            continue
        kernel, *biases = layer.get_weights()
        drawn = rng.standard_normal(kernel.shape, np.float32)
        drawn *= np.sqrt(2 / np.prod(kernel.shape[:-1]))
        layer.set_weights([drawn, *(np.zeros_like(each) for each in biases)])
    return copy


def _last_maps(model: keras.Model) -> tuple[Any, bool]:
    """The maps of the last convolution, and whether they are still to be rectified.

    They are those after its batch normalisation, and after its activation unless that
    is a ReLU, which may come after other stages or be computed with them.
    """
    places = [
        place for place, each in enumerate(model.layers) if each.name.startswith("conv")
    ]
    if not places:
        raise must_be("model", "an AlexNet, of layers conv1 to fc8", model.name)
    maps, after, *later = model.layers[places[-1] :]
    if later and isinstance(after, keras.layers.BatchNormalization):
        maps, after = after, later[0]
    if is_activation(after) and not isinstance(after, keras.layers.ReLU):
        return after.output, False
    return maps.output, True


def _output_of(model: keras.Model, name: str) -> Any:
    if name not in [each.name for each in model.layers]:
        raise must_be("model", f"an AlexNet with its top, with {name}", model.name)
    return model.get_layer(name).output


def _corners(side: int, size: int, stride: int) -> list[tuple[int, int]]:
    """Upper left corners of squares that together cover a picture."""
    starts = sorted({*range(0, side - size, stride), side - size})
    return [(top, left) for top in starts for left in starts]
