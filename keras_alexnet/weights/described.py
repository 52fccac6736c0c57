"""Models and files that know the recipe of their pictures and their classes' names."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import tensorflow as tf

from keras_alexnet import json_schema
from keras_alexnet.given_pictures import check_labels, check_prepared
from keras_alexnet.reasons import must_be
from keras_alexnet.recipe import Recipe
from keras_alexnet.weights.formats import (
    hdf5_files,
    keras_files,
    safetensors_files,
)
from keras_alexnet.weights.formats.faults import one_line
from keras_alexnet.whole_numbers import entries, whole_number

_DESCRIBED = (".keras", ".weights.h5", ".safetensors")
_MOST_BYTES = 2**22  # of JSON, which takes up to 36 times as much in Python
_FILE = "a whole .keras, .weights.h5 or .safetensors file"


@dataclasses.dataclass(frozen=True)
class Description:
    """What is known of a network besides its weights.

    Args:
        recipe: How pictures become its input; None if that is not recorded.
        class_names: Name of each output; empty if they are not recorded.
    """

    recipe: Recipe | None = None
    class_names: tuple[str, ...] = ()

    def to_bytes(self) -> bytes:
        """As JSON, the form in files."""
        recipe = None if self.recipe is None else self.recipe.as_dict()
        held = {"recipe": recipe, "class_names": list(self.class_names)}
        return json.dumps(held).encode()

    @classmethod
    def from_bytes(cls, held: bytes) -> Description:
        """The description from the result of `to_bytes`.

        Raises:
            ValueError: If it is damaged.
        """
        if len(held) > _MOST_BYTES:
            raise ValueError(f"its description has {len(held):,} bytes")
        found = json_schema.loaded(held)
        wrong = json_schema.fault(found, dict)
        for name, kind in {"class_names": list[str], "recipe": dict | None}.items():
            wrong = wrong or json_schema.fault(found.get(name), kind, name)
        if wrong:
            raise ValueError(f"its description is damaged: {wrong}")
        recipe, names = found.get("recipe"), found["class_names"]
        return cls(None if recipe is None else Recipe.from_dict(recipe), tuple(names))


UNKNOWN = Description()


# Keras names a model within another by its class, in the files of their weights:
# `layers/functional`. With another name, files of earlier versions would not be read.
@keras.saving.register_keras_serializable(package="keras_alexnet")
class Functional(keras.Model):
    """A functional model that keeps its recipe and class names in its files.

    `model.save("mine.keras")` and `model.save_weights("mine.weights.h5")` store them,
    and whatever loads the file has them again: `keras.saving.load_model`,
    `load_weights`, `keras_alexnet.AlexNet(weights=…)`, `keras_alexnet.Classifier`.
    Files without them are loaded as well, and so are these files by other models.

    Args:
        inputs: As for `keras.Model`.
        outputs: As for `keras.Model`.
        name: Name of the model.

    Example:

    >>> model = AlexNet(input_shape=(64, 64, 3), classes=["cat", "dog"])
    >>> model.class_names, model.recipe.image_size
    (('cat', 'dog'), 64)
    """

    _description = UNKNOWN

    @property
    def recipe(self) -> Recipe | None:
        """How pictures become the model's input; None if that is not known."""
        return self._description.recipe

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of each output; empty if they are not known."""
        return self._description.class_names

    def describe(
        self, *, recipe: Recipe | None = None, class_names: Sequence[str] | None = None
    ) -> None:
        """Sets the recipe or the names of the classes, or both; they are saved with it.

        Args:
            recipe: How pictures become the model's input.
            class_names: Name of each output.

        Raises:
            ValueError: If the model has not as many outputs as there are names, or
                another input size than the recipe.
        """
        changed: dict[str, Any] = {}
        if recipe is not None:
            changed["recipe"] = _of_side(recipe, self)
        if class_names is not None:
            changed["class_names"] = _of_outputs(class_names, self)
        self._description = dataclasses.replace(self._description, **changed)

    # The names of Keras' own: it looks for `training` among them.
    def call(
        self, inputs: Any, training: Any = None, mask: Any = None, **kwargs: Any
    ) -> Any:
        # The last maps of pictures of another size can be as many, and fc6 would read
        # them without an error.
        if tf.is_tensor(inputs) and not _sides_known(inputs.shape):
            inputs = tf.ensure_shape(inputs, self.input_shape)
        return super().call(inputs, training=training, mask=mask, **kwargs)

    def fit(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        self._check_given(x, y)
        return super().fit(x, y, *args, **kwargs)

    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        self._check_given(x, y)
        return super().evaluate(x, y, *args, **kwargs)

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        self._check_given(x)
        return super().predict(x, *args, **kwargs)

    def train_on_batch(self, x: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        self._check_given(x, y)
        return super().train_on_batch(x, y, *args, **kwargs)

    def test_on_batch(self, x: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        self._check_given(x, y)
        return super().test_on_batch(x, y, *args, **kwargs)

    def predict_on_batch(self, x: Any) -> Any:
        self._check_given(x)
        return super().predict_on_batch(x)

    def _check_given(self, x: Any, y: Any = None) -> None:
        """Raises ValueError for pictures of another shape, and for labels as text.

        Keras checks the first batch; after it, its compiled step takes any size.
        """
        spec = getattr(x, "element_spec", None)  # of a tf.data.Dataset
        if spec is not None:
            x, y = spec[:2] if isinstance(spec, tuple) and len(spec) > 1 else (spec, y)
        check_prepared(x, self.input_shape)
        check_labels(y)

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        if self._description != UNKNOWN and _is_whole(store):
            held = np.frombuffer(self._description.to_bytes(), np.uint8)
            _file(store)[keras_files.DESCRIPTION] = held

    def load_own_variables(self, store: Any) -> None:
        super().load_own_variables(store)
        held = _file(store).get(keras_files.DESCRIPTION) if _is_whole(store) else None
        if held is not None:
            self._description = _fitting(Description.from_bytes(_bytes(held)), self)


def _sides_known(shape: tf.TensorShape) -> bool:
    return shape.rank is not None and shape[1:].is_fully_defined()


def _is_whole(store: Any) -> bool:
    """Whether Keras saves or loads the model by itself, not within another."""
    if isinstance(store, h5py.Group):  # Keras 2
        return store.name == "/vars"
    return hasattr(store, "h5_file") and not getattr(store, "_h5_entry_path", "")


def _file(store: Any) -> h5py.File:
    return store.file if isinstance(store, h5py.Group) else store.h5_file


def _bytes(held: h5py.Dataset) -> bytes:
    if not isinstance(held, h5py.Dataset) or held.dtype != np.uint8:
        raise ValueError("its description is no array of bytes")
    if held.size > _MOST_BYTES:
        raise ValueError(f"its description has {held.size:,} bytes")
    return np.asarray(held[()]).tobytes()


def _fitting(found: Description, model: keras.Model) -> Description:
    """What of a file's description holds for a model that loads its weights."""
    fits = len(found.class_names) == _outputs(model)
    return dataclasses.replace(found, class_names=found.class_names if fits else ())


def _outputs(model: keras.Model) -> int | None:
    """Number of outputs of a classifier; None for any other model."""
    shape = model.output_shape
    return shape[1] if isinstance(shape, tuple) and len(shape) == 2 else None


def _of_outputs(names: Any, model: keras.Model) -> tuple[str, ...]:
    """The names, one for each output.

    Raises:
        ValueError: If they are not as many.
    """
    found = checked_names(names)
    if len(found) != _outputs(model):
        raise ValueError(
            f"class_names must hold a name for each of the model's {_outputs(model)} "
            f"outputs. Received: {len(found)} names"
        )
    return found


def _of_side(recipe: Recipe, model: keras.Model) -> Recipe:
    if not isinstance(recipe, Recipe):
        raise must_be("recipe", "a keras_alexnet.Recipe", recipe)
    if tuple(model.input_shape[1:3]) != 2 * (recipe.image_size,):
        raise ValueError(
            f"recipe must be for the model's pictures, {tuple(model.input_shape[1:3])}"
            f"; recipe.resized(side) is. Received: image_size={recipe.image_size}"
        )
    return recipe


def checked_names(names: Any) -> tuple[str, ...]:
    """Names of classes, as a tuple.

    Raises:
        ValueError: If it is no sequence of text, or one text alone.
    """
    found = entries(names)
    if not found or not all(isinstance(each, str) for each in found):
        raise must_be("class_names", "a list of names, each a text", names)
    return tuple(map(str, found))


def counted(classes: Any) -> tuple[int, tuple[str, ...]]:
    """The number of classes, and their names if those were given in its place.

    Raises:
        ValueError: If it is neither a whole number above 0 nor a list of names.

    Example:

    >>> counted(10), counted(["cat", "dog"])
    ((10, ()), (2, ('cat', 'dog')))
    """
    found = entries(classes)
    if found and all(isinstance(each, str) for each in found):
        return len(found), tuple(map(str, found))
    expected = "a whole number, at least 1, or a list of the classes' names"
    return whole_number("classes", classes, expected=expected), ()


def has_description(path: Path) -> bool:
    """Whether `path` is a file of a kind that can hold a description."""
    return path.name.endswith(_DESCRIBED) and path.is_file()


def description_in(path: Path) -> Description:
    """The description in a file of `has_description`; empty if it has none.

    Raises:
        ValueError: If the file or its description is damaged.
    """
    if path.name.endswith(".safetensors"):
        return _in_metadata(path)
    with one_line(_FILE, path):
        if path.name.endswith(".keras"):
            return _in_archive(path)
        with hdf5_files.opened(path) as found:
            return _of(found)


def _in_metadata(path: Path) -> Description:
    found = safetensors_files.read_metadata(path).get(safetensors_files.METADATA)
    with one_line(_FILE, path):
        return UNKNOWN if found is None else Description.from_bytes(found.encode())


def _in_archive(path: Path) -> Description:
    with hdf5_files.opened_entry(path, keras_files.WEIGHTS) as found:
        return _of(found)


def _of(found: hdf5_files.Datasets) -> Description:
    held = found.get(keras_files.DESCRIPTION)
    return UNKNOWN if held is None else Description.from_bytes(_bytes(held))


def description_of(model: Any) -> Description:
    """The description of a model; an empty one for a model without."""
    held = getattr(model, "_description", None)
    return held if isinstance(held, Description) else UNKNOWN


def described(model: keras.Model, description: Description) -> keras.Model:
    """The model itself, with this description if it can have one."""
    if isinstance(model, Functional):
        model._description = description
    return model
