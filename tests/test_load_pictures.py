"""`load_pictures` gives what an evaluation sees, bit for bit, of odd photos too."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import keras_alexnet
from keras_alexnet.data import open_source
from keras_alexnet.evaluation import Evaluator
from keras_alexnet.preprocessing import BVLC, TORCHVISION
from keras_alexnet.recipe import Recipe

RECIPES = {
    "shorter side": Recipe.of_colours(TORCHVISION, 64),
    "warped, BGR": Recipe(BVLC, "warp", 90, 64),
}
RNG = np.random.default_rng(3)


def smooth(height: int, width: int) -> np.ndarray:
    small = RNG.integers(0, 256, (6, 7, 3), np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def written(image: Image.Image, form: str, **options: object) -> bytes:
    with io.BytesIO() as file:
        image.save(file, form, **options)
        return file.getvalue()


def rotated(image: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return written(image, "JPEG", exif=exif)


def odd() -> dict[str, bytes]:
    image = Image.fromarray(smooth(150, 110))
    alpha = np.dstack([smooth(80, 90), RNG.integers(0, 256, (80, 90, 1), np.uint8)])
    deep = RNG.integers(0, 65536, (70, 80, 3)).astype(np.uint16)
    return {
        "large.jpg": written(Image.fromarray(smooth(900, 700)), "JPEG"),
        "grey.jpg": written(image.convert("L"), "JPEG"),
        "cmyk.jpg": written(image.convert("CMYK"), "JPEG"),
        "rotated.jpg": rotated(image),
        "progressive.jpg": written(image, "JPEG", progressive=True),
        "alpha.png": written(Image.fromarray(alpha, "RGBA"), "PNG"),
        "grey_alpha.png": written(image.convert("LA"), "PNG"),
        "deep.png": cv2.imencode(".png", deep)[1].tobytes(),
        "deep_grey.png": cv2.imencode(".png", deep[..., 0])[1].tobytes(),
        "palette.png": written(image.convert("P"), "PNG"),
        "one_bit.png": written(image.convert("1"), "PNG"),
        "small.png": written(Image.fromarray(smooth(9, 30)), "PNG"),
        "flat.bmp": written(image, "BMP"),
    }


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    for split in ("train", "val"):
        for name, content in odd().items():
            folder = root / split / name.split(".")[1]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    return root


class Watching:
    """A model for the evaluator, which keeps the pictures that it is given."""

    def __init__(self, classes: int) -> None:
        self.output_shape = (None, classes)
        self.seen: list[np.ndarray] = []

    def __call__(self, pictures: tf.Tensor, training: bool) -> tf.Tensor:
        tf.numpy_function(lambda x: self.seen.append(x.copy()), [pictures], [])
        return tf.fill([tf.shape(pictures)[0], self.output_shape[1]], 0.5)


@pytest.mark.compat
@pytest.mark.parametrize("kind", RECIPES)
def test_they_are_what_an_evaluation_sees(photos: Path, kind: str) -> None:
    recipe, source = RECIPES[kind], open_source(f"folder:{photos}")
    paths = sorted((photos / "val").glob("*/*"))
    model = Watching(len(source.class_names))
    Evaluator(model, recipe).evaluate(source, batch_size=4)
    seen = np.concatenate(model.seen)[: len(paths)]
    np.testing.assert_array_equal(keras_alexnet.load_pictures(paths, recipe), seen)
    contents = [path.read_bytes() for path in paths]
    np.testing.assert_array_equal(keras_alexnet.load_pictures(contents, recipe), seen)
    batches = list(recipe.batches(source, "validation", 5))
    np.testing.assert_array_equal(np.concatenate([x for x, _ in batches]), seen)
    labels = np.concatenate([y for _, y in batches])
    assert [source.class_names[n] for n in labels] == [p.parent.name for p in paths]


@pytest.mark.compat
@pytest.mark.parametrize("name", odd())
def test_pillows_images_are_what_their_files_are(photos: Path, name: str) -> None:
    path = next((photos / "val").glob(f"*/{name}"))
    image, recipe = Image.open(path), RECIPES["warped, BGR"]
    found = keras_alexnet.load_pictures(image, recipe)
    expected = keras_alexnet.load_pictures(path, recipe)
    if name.endswith(".jpg"):
        # Pillow decodes a JPEG at its full size, and by the exact transform.
        whole = tf.io.decode_jpeg(
            path.read_bytes(), channels=3, dct_method="INTEGER_ACCURATE"
        )
        assert np.abs(found - expected).mean() < 2
        expected = keras_alexnet.load_pictures(whole, recipe)
    np.testing.assert_array_equal(found, expected)
    mixed = [image, np.asarray(image.convert("RGB"))]
    both = keras_alexnet.load_pictures(mixed, recipe)
    assert both.shape == (2, 64, 64, 3)


def test_a_shuffled_split_has_all_pictures_in_another_order_each_time(
    photos: Path,
) -> None:
    recipe, source = RECIPES["shorter side"], open_source(f"folder:{photos}")
    plain = np.concatenate([x for x, _ in recipe.batches(source, "train")])
    data = recipe.batches(source, "train", 4, seed=1)
    first, second = (np.concatenate([x for x, _ in data]) for _ in range(2))
    sums = [sorted(each.sum(axis=(1, 2, 3))) for each in (plain, first, second)]
    np.testing.assert_array_equal(sums[0], sums[1])
    np.testing.assert_array_equal(sums[0], sums[2])
    assert not np.array_equal(first, second)
    again = np.concatenate([x for x, _ in recipe.batches(source, "train", 4, seed=1)])
    np.testing.assert_array_equal(first, again)


def test_the_recipe_may_be_whatever_has_one(run: Path, photos: Path) -> None:
    path = photos / "val" / "jpg" / "rotated.jpg"
    model = keras_alexnet.AlexNet(weights=run)
    expected = keras_alexnet.load_pictures(path, keras_alexnet.weights.recipe_of(run))
    classifier = keras_alexnet.Classifier(run)
    for what in (run, str(run / "servable" / "1"), model, classifier):
        found = keras_alexnet.load_pictures(path, what)
        np.testing.assert_array_equal(found, expected)
    png = photos / "val" / "png" / "deep.png"
    assert classifier.predict(Image.open(png)) == classifier.predict(png)
