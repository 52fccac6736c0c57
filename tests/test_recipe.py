"""Recipes: the same picture in any form is the same input, in Python and in a graph."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import keras_alexnet
from keras_alexnet import architectures
from keras_alexnet.preprocessing import BVLC, Preprocessing
from keras_alexnet.recipe import Recipe
from keras_alexnet.weights import recipe_of

RNG = np.random.default_rng(5)
PIXELS = RNG.integers(0, 256, (80, 100, 3), np.uint8)
RECIPE = Recipe(Preprocessing("BGR", (1.0, 2.0, 3.0), (4.0, 5.0, 6.0)), "warp", 60, 40)


@pytest.fixture
def png(tmp_path: Path) -> Path:
    """Lossless, so that its pixels are known."""
    path = tmp_path / "é [1].png"
    Image.fromarray(PIXELS).save(path)
    return path


def expected(recipe: Recipe) -> np.ndarray:
    """The same by Pillow and NumPy, whose triangle filter is that of the op."""
    height, width = PIXELS.shape[:2]
    size = recipe.resize_size
    if recipe.resize == "warp":
        height = width = size
    else:
        shorter = min(height, width)
        height, width = (round(side * size / shorter) for side in (height, width))
    scaled = Image.fromarray(PIXELS).resize((width, height), Image.Resampling.BILINEAR)
    side = recipe.image_size
    top, left = (height - size) // 2, (width - size) // 2
    top, left = (start + (size - side) // 2 for start in (top, left))
    view = np.asarray(scaled, np.float64)[top : top + side, left : left + side]
    colours = recipe.preprocessing
    view = (view - colours.mean) / colours.scale
    return view[..., ::-1] if colours.channel_order == "BGR" else view


@pytest.mark.compat
@pytest.mark.parametrize("resize", ["warp", "shorter_side"])
def test_it_is_what_pillow_and_numpy_make(png: Path, resize: str) -> None:
    recipe = Recipe(RECIPE.preprocessing, resize, 60, 40)
    found = recipe(png)
    assert found.shape == (1, 40, 40, 3)
    assert found.dtype == np.float32
    # One grey level of rounding, divided by the smallest scale.
    np.testing.assert_allclose(found[0], expected(recipe), atol=1.01 / 4)


def forms(path: Path) -> dict[str, Any]:
    return {
        "path": path,
        "text": str(path),
        "bytes": path.read_bytes(),
        "array": PIXELS,
        "floats": PIXELS.astype(np.float32),
        "whole numbers": PIXELS.astype(np.int64),
        "tensor": tf.constant(PIXELS),
        "encoded tensor": tf.constant(path.read_bytes()),
        "batch": PIXELS[None],
        "batch of tensors": tf.constant(PIXELS[None]),
        "encoded batch": tf.constant([path.read_bytes()]),
        "list": [path],
        "tuple of arrays": (PIXELS,),
        "Pillow's": Image.fromarray(PIXELS),
    }


@pytest.mark.compat
@pytest.mark.parametrize("form", forms(Path(__file__)))
def test_every_form_of_a_picture_is_the_same(png: Path, form: str) -> None:
    given = forms(png)[form]
    found = RECIPE(given)
    assert isinstance(found, tf.Tensor if tf.is_tensor(given) else np.ndarray)
    np.testing.assert_array_equal(found, RECIPE(png))


@pytest.mark.compat
def test_pictures_of_several_sizes_and_forms_are_one_batch(png: Path) -> None:
    small = PIXELS[:50, :61]
    found = RECIPE([png, small, png.read_bytes()])
    np.testing.assert_array_equal(
        found, np.concatenate([RECIPE(png), RECIPE(small), RECIPE(png)])
    )


def test_grey_pixels_become_three_channels() -> None:
    grey = PIXELS[..., :1]
    np.testing.assert_array_equal(RECIPE(grey), RECIPE(np.repeat(grey, 3, axis=-1)))


def assert_close(found: Any, expected: Any) -> None:
    """To the last place: a graph multiplies by what is divided by elsewhere."""
    np.testing.assert_allclose(found, expected, rtol=3e-7, atol=3e-7)


@pytest.mark.compat
def test_within_a_graph_it_is_the_same(png: Path) -> None:
    pixels = tf.function(
        RECIPE, input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)]
    )
    assert_close(pixels(PIXELS), RECIPE(PIXELS))
    encoded = tf.function(RECIPE, input_signature=[tf.TensorSpec([None], tf.string)])
    assert_close(encoded([png.read_bytes()] * 2), RECIPE([png, png]))
    dataset = tf.data.Dataset.from_tensors(png.read_bytes()).map(RECIPE)
    assert_close(next(iter(dataset)), RECIPE(png))


def test_ten_views_are_corners_and_centre_and_their_mirrors(png: Path) -> None:
    ten = Recipe(RECIPE.preprocessing, "warp", 60, 40, views=10)(png)
    assert ten.shape == (10, 40, 40, 3)
    # The square around all ten is scaled, not its centre alone: rounded elsewhere.
    np.testing.assert_allclose(ten[2:3], RECIPE(png), atol=1.01 / 4)
    np.testing.assert_array_equal(ten[5:], ten[:5, :, ::-1])


BAD = {
    "text file": (lambda path: path, "pictures must be readable as JPEG, PNG"),
    "bytes": (lambda path: [b"no picture"], "picture 0"),
    "the second": (lambda path: [PIXELS, b"none"], "picture 1"),
    "four channels": (lambda path: np.zeros([5, 5, 4], "uint8"), r"\(5, 5, 4\)"),
    "two axes": (lambda path: np.zeros([5, 5]), r"float64 of shape \(5, 5\)"),
    "text of no file": (lambda path: [["a"]], "picture 0"),
    "booleans": (lambda path: np.zeros([5, 5, 3], bool), "bool of shape"),
    "an object": (lambda path: object(), "picture 0"),
    "none at all": (lambda path: [], "one picture or more"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_picture_is_named(tmp_path: Path, case: str) -> None:
    make, message = BAD[case]
    path = tmp_path / "notes.txt"
    path.write_text("no picture")
    with pytest.raises(ValueError, match=message) as caught:
        RECIPE(make(path))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        RECIPE(tmp_path / "none.jpg")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("resize", "fit"),
        ("image_size", 0),
        ("image_size", 4097),
        ("resize_size", 39),
        ("resize_size", 8193),
        ("views", 5),
    ],
)
def test_arguments_out_of_range_are_named(field: str, value: Any) -> None:
    fields = {**RECIPE.as_dict(), "preprocessing": RECIPE.preprocessing, field: value}
    with pytest.raises(ValueError, match=f"{field} must be .*{value!r}"):
        Recipe(**fields)


def test_it_comes_back_from_json() -> None:
    text = json.dumps(RECIPE.as_dict())
    assert Recipe.from_dict(json.loads(text)) == RECIPE
    with pytest.raises(ValueError, match="a recipe must have the fields"):
        Recipe.from_dict({"resize": "warp"})


def test_one_function_finds_every_recipe(run: Path) -> None:
    own = recipe_of(run)
    mean = json.loads((run / "data.json").read_text())["statistics"]["mean"]
    assert own.preprocessing.mean == tuple(mean)
    assert (own.image_size, own.resize_size) == (64, round(64 * 256 / 224))
    assert own == Recipe.from_dict(json.loads((run / "recipe.json").read_text()))
    assert recipe_of(next((run / "checkpoints").glob("*.index")).with_suffix("")) == own
    assert recipe_of(run / "servable" / "1") == own
    assert recipe_of(own) == own
    published = recipe_of("bvlc_alexnet")
    assert published == keras_alexnet.weights.get("imagenet").recipe()
    assert (published.preprocessing, published.resize) == (BVLC, "warp")
    assert recipe_of("owt", 112).preprocessing == architectures.get("owt").preprocessing
    assert recipe_of("owt", 112, views=10).views == 10
    assert recipe_of(BVLC, 64).image_size == 64


@pytest.mark.parametrize("what", ["nothing", 3, None, BVLC, os.devnull])
def test_other_values_are_refused(what: Any) -> None:
    with pytest.raises(ValueError, match="preprocessing must be a Recipe or"):
        recipe_of(what)


def test_the_recipe_of_an_older_run_is_found(run: Path, tmp_path: Path) -> None:
    """Without recipe.json it follows from variant, size and mean colour."""
    older = tmp_path / "older"
    older.mkdir()
    for name in ("config.flags", "data.json"):
        (older / name).write_bytes((run / name).read_bytes())
    assert recipe_of(older) == recipe_of(run)


def test_jpegs_are_decoded_as_evaluation_does(run: Path, pictures: Path) -> None:
    from keras_alexnet.data import evaluation_batches, open_source

    source = open_source(f"folder:{pictures}")
    (batch,) = evaluation_batches(source, 64, 9)
    recipe = recipe_of(run)
    paths = [path.decode() for path in _names(source)]
    np.testing.assert_array_equal(
        recipe(paths), recipe.preprocessing(batch["image"]).numpy()
    )


def _names(source: Any) -> list[bytes]:
    return [each["name"].numpy() for each in source.ordered("validation")]


def test_a_progressive_grey_jpeg_is_a_picture() -> None:
    with io.BytesIO() as file:
        Image.fromarray(PIXELS[..., 0]).save(file, "JPEG", progressive=True)
        assert RECIPE(file.getvalue()).shape == (1, 40, 40, 3)
