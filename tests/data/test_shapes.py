"""The embedded data set: what is drawn, and how hard it is."""

import collections
import io
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image
from sklearn import linear_model

from keras_alexnet.data import drawing, shapes

CLASSES = range(len(drawing.CLASS_NAMES))


@pytest.fixture(scope="module")
def built(shapes_dir):
    builder = shapes.Shapes(data_dir=shapes_dir)
    builder.download_and_prepare()
    return builder


@pytest.fixture(scope="module")
def records(built):
    """All examples as they are stored: undecoded JPEG and label by split."""
    decoders = {"image": tfds.decode.SkipDecoding()}
    return {
        split: list(
            built.as_dataset(split=split, decoders=decoders).as_numpy_iterator()
        )
        for split in shapes.NUM_EXAMPLES
    }


@pytest.fixture(scope="module")
def thumbnails(records):
    """Pictures squashed to 32x32, and the labels, by split."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return {
            split: (
                np.stack(list(pool.map(squashed, [r["image"] for r in rows]))),
                np.array([r["label"] for r in rows]),
            )
            for split, rows in records.items()
        }


def squashed(jpeg):
    picture = Image.open(io.BytesIO(jpeg)).resize((32, 32), Image.Resampling.BOX)
    return np.asarray(picture, dtype="float32").ravel()


def pixels(label, *seed):
    return np.asarray(drawing.draw(label, np.random.default_rng(seed)))


def mask(name, seed, size=(320, 256)):
    rng = np.random.default_rng((seed, 7))
    return np.asarray(drawing._form_mask(name, size, rng))


@pytest.mark.parametrize("label", CLASSES)
def test_draw_depends_on_label_and_seed_alone(label):
    picture = pixels(label, 1)
    np.testing.assert_array_equal(picture, pixels(label, 1))
    assert not np.array_equal(picture, pixels(label, 2))
    assert not np.array_equal(picture, pixels((label + 1) % 10, 1))


@pytest.mark.parametrize("label", CLASSES)
def test_pictures_are_rgb_of_about_300_pixels(label):
    picture = pixels(label, 3)
    height, width, channels = picture.shape
    assert picture.dtype == np.uint8
    assert channels == 3
    assert 240 <= min(height, width) <= max(height, width) <= 400


@pytest.mark.parametrize("name", drawing.CLASS_NAMES)
def test_forms_are_large_and_stay_in_the_centre_crop(name):
    for seed in range(50):
        form = mask(name, seed) > 127
        rows, columns = np.flatnonzero(form.any(1)), np.flatnonzero(form.any(0))
        assert 0.45 < max(np.ptp(rows), np.ptp(columns)) / 256 < 0.86
        assert set(rows) <= set(range(16, 240))  # 224 of 256 rows
        assert set(columns) <= set(range(48, 272))  # 224 of 320 columns


def test_forms_differ_between_classes():
    masks = [mask(name, 0) > 127 for name in drawing.CLASS_NAMES]
    for i, j in ((i, j) for i in CLASSES for j in CLASSES if i < j):
        overlap = (masks[i] & masks[j]).sum() / (masks[i] | masks[j]).sum()
        assert overlap < 0.9, (drawing.CLASS_NAMES[i], drawing.CLASS_NAMES[j])


def test_examples_are_the_same_twice_and_in_any_order():
    ahead = [shapes.draw_example("train", i) for i in range(20)]
    back = [shapes.draw_example("train", i) for i in reversed(range(20))]
    assert ahead == back[::-1]


def test_splits_have_no_picture_in_common(records):
    pictures = {row["image"] for rows in records.values() for row in rows}
    assert len(pictures) == 2500


def test_example_out_of_range():
    with pytest.raises(IndexError, match="no example 500"):
        shapes.draw_example("validation", 500)
    with pytest.raises(IndexError):
        shapes.draw_example("train", -1)


def test_builder_describes_the_data_set(built):
    assert built.info.full_name == "shapes/1.0.0"
    assert built.info.supervised_keys == ("image", "label")
    assert built.info.features["label"].names == list(drawing.CLASS_NAMES)
    assert built.info.features["image"].shape == (None, None, 3)


def test_builder_stores_what_is_drawn(records):
    for split, rows in records.items():
        drawn = [shapes.draw_example(split, index) for index in range(30)]
        stored = {(row["image"], int(row["label"])) for row in rows}
        assert stored.issuperset(drawn)


@pytest.mark.parametrize(
    ("split", "count", "per_class"), [("train", 2000, 200), ("validation", 500, 50)]
)
def test_counts_and_balance(built, records, split, count, per_class):
    assert built.info.splits[split].num_examples == len(records[split]) == count
    labels = collections.Counter(int(row["label"]) for row in records[split])
    assert labels == dict.fromkeys(CLASSES, per_class)


def test_pictures_are_jpegs_of_varied_size(records):
    pictures = [Image.open(io.BytesIO(row["image"])) for row in records["validation"]]
    assert {picture.format for picture in pictures} == {"JPEG"}
    assert len({picture.size for picture in pictures}) > 400
    ratios = np.array([picture.width / picture.height for picture in pictures])
    assert ratios.min() < 0.85
    assert ratios.max() > 1.18


def test_decoded_by_the_input_pipeline(built):
    image, label = next(iter(built.as_dataset(split="train", as_supervised=True)))
    assert image.dtype == "uint8"
    assert image.shape[2] == 3
    assert label.numpy() in CLASSES


def test_mean_color_does_not_tell_the_class(thumbnails):
    images, labels = thumbnails["train"]
    colors = images.reshape(len(images), -1, 3).mean(1)
    means = np.stack([colors[labels == label].mean(0) for label in CLASSES])
    # Classes differ in area, hence a little in brightness; far less than pictures do.
    assert means.std(0).max() < 0.5 * colors.std(0).min()


def test_logistic_regression_on_pixels_stays_low(thumbnails):
    (images, labels), (held_out, truth) = thumbnails["train"], thumbnails["validation"]
    mean, deviation = images.mean(0), images.std(0)
    model = linear_model.LogisticRegression(C=1e-3, max_iter=200)
    model.fit((images - mean) / deviation, labels)
    assert model.score((images - mean) / deviation, labels) > 0.3  # it did learn
    assert model.score((held_out - mean) / deviation, truth) < 0.6
