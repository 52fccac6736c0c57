"""What a network confuses, against NumPy's count."""

from __future__ import annotations

import numpy as np
import pytest

from keras_alexnet.evaluation import Confusion


@pytest.mark.compat
@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_pairs_are_counted_as_by_numpy(classes: int) -> None:
    rng = np.random.default_rng(classes)
    labels, predicted = rng.integers(0, classes, (2, 500))
    expected = np.zeros((classes, classes), int)
    np.add.at(expected, (labels, predicted), 1)
    confusion = Confusion()
    for part in np.split(np.arange(500), 5):
        confusion.add(labels[part], predicted[part])
    np.testing.assert_array_equal(confusion.matrix(classes), expected)
    assert len(confusion.pairs) == np.count_nonzero(expected) <= 500
    assert confusion.pictures(labels[0]) == expected[labels[0]].sum()
    off = expected - np.diag(np.diag(expected))
    assert [each.pictures for each in confusion.wrong()] == sorted(
        off[off > 0], reverse=True
    )


def test_pictures_without_an_answer_do_not_count() -> None:
    confusion = Confusion()
    confusion.add([0, 1, 1], [0, -1, 0])
    confusion.add([], [])
    np.testing.assert_array_equal(confusion.matrix(2), [[1, 0], [1, 0]])


def test_the_file_holds_any_name() -> None:
    names = ['a "cat", they say', "two\nlines", "蓝"]
    confusion = Confusion()
    confusion.add([0, 1, 2, 2], [1, 1, 0, 0])
    again = Confusion.from_csv(confusion.as_csv(names))
    assert again.pairs == confusion.pairs


@pytest.mark.parametrize(
    "text",
    ["", "half a li", "label,predicted\n0,1\n", "{header}1,2\n", "{header}a,0,1"],
)
def test_a_damaged_file_is_refused(text: str) -> None:
    damaged = text.format(header=Confusion().as_csv([]))
    with pytest.raises(ValueError, match=r"confusion\.csv must be as train wrote it"):
        Confusion.from_csv(damaged)
