"""BVLC's two networks at full size, layer by layer, against OpenCV's.

OpenCV reads the same `.caffemodel` files with a reader and a network of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import caffe_nets
import cv2
import keras
import numpy as np
import pytest

from keras_alexnet import AlexNet

# What ours has after the same step. A seam is ReLU, normalisation and pooling in one,
# so far as they are there in this order.
LAYERS = {f"conv{n}": f"conv{n}" for n in range(1, 6)}
LAYERS |= {f"fc{n}": f"fc{n}" for n in (6, 7, 8)}
LAYERS |= {f"relu{n}": f"relu{n}" for n in (3, 4, 6, 7)}
LAYERS |= {"pool5": "seam5", "prob": "probabilities"}
CAFFENET = ("pool1", "norm1", "pool2", "norm2")
SEAMS = {
    "caffe": {"pool1": "seam1", "pool2": "seam2"},
    "caffenet": {name: name.replace("pool", "seam") for name in CAFFENET},
}


@pytest.fixture(scope="module", params=["layer", "layers"])
def caffemodel(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Both forms; the file's 244 MB go away with the module."""
    path = tmp_path_factory.mktemp(request.param) / "net.caffemodel"
    yield caffe_nets.write(path, caffe_nets.random_blobs(), form=request.param)
    path.unlink()


@pytest.mark.parametrize("variant", ["caffe", "caffenet"])
def test_every_layer_computes_what_opencvs_does(caffemodel: Path, variant: str) -> None:
    image = np.random.default_rng(1).normal(0, 60, (1, 227, 227, 3)).astype("float32")
    names = {**LAYERS, **SEAMS[variant]}
    expected = opencvs(caffemodel, image, variant == "caffenet", list(names))
    with pytest.warns(UserWarning, match="look untrained"):
        model = AlexNet(variant=variant, weights=caffemodel)
    ends = {name: model.get_layer(ours).output for name, ours in names.items()}
    found = keras.Model(model.input, ends)(image)
    for name, theirs in expected.items():
        ours = found[name].numpy()
        if theirs.ndim == 4:
            theirs = theirs.transpose(0, 2, 3, 1)
        assert ours.shape == theirs.shape
        error = np.abs(ours - theirs).max() / np.abs(theirs).max()
        assert error <= 1e-5, name
        assert np.ptp(theirs) > 0, name


def opencvs(
    path: Path, image: np.ndarray, pool_first: bool, names: list[str]
) -> dict[str, np.ndarray]:
    text = caffe_nets.prototxt(pool_first).encode()
    net = cv2.dnn.readNetFromCaffe(
        np.frombuffer(text, np.uint8), np.fromfile(path, np.uint8)
    )
    net.enableFusion(False)  # else what is fused away has no output of its own
    net.setInput(image.transpose(0, 3, 1, 2).copy())
    return dict(zip(names, net.forward(names), strict=True))
