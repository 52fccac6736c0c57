"""What the tests of indexes share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # TensorFlow 2.15 warns when it is imported so early
    from keras_alexnet import Classifier
    from keras_alexnet.extraction import PicturesOfData
    from keras_alexnet.retrieval import Index


@pytest.fixture(scope="session")
def classifier(run: Path) -> Classifier:
    from keras_alexnet import Classifier

    return Classifier(run)


@pytest.fixture(scope="session")
def data(pictures: Path) -> PicturesOfData:
    from keras_alexnet.data import open_source
    from keras_alexnet.extraction import PicturesOfData

    return PicturesOfData(open_source(f"folder:{pictures}"))


@pytest.fixture(scope="session", params=["none", "pca128", "bits256"])
def index(
    request: pytest.FixtureRequest,
    classifier: Classifier,
    data: PicturesOfData,
    tmp_path_factory: pytest.TempPathFactory,
) -> Index:
    """An index of the 24 training pictures, of each kind of codes."""
    from keras_alexnet.retrieval import Index

    path = tmp_path_factory.mktemp(request.param) / "index"
    return Index.build(classifier, data, path, codes=request.param)


@pytest.fixture
def retrieve(capsys: pytest.CaptureFixture) -> Callable[..., tuple[int, str, str]]:
    """Runs `retrieve` within this process; gives exit code, output and errors."""
    from keras_alexnet import commands

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            commands.main(["keras-alexnet", "retrieve", *arguments])
        return (caught.value.code, *capsys.readouterr())

    return call
