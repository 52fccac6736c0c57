"""Networks that hold 16 bits and compute in them, against Keras' own policies."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from served_models import SIDE, served_model
from small_models import computing_in

from keras_alexnet import Classifier


@pytest.mark.compat
@pytest.mark.parametrize("variant", ["paper", "modern"])
def test_in_half_precision_it_is_what_keras_computes(variant: str) -> None:
    """The policy `mixed_bfloat16` rounds the weights in each call."""
    model = served_model(variant)
    with computing_in("mixed_bfloat16"):
        rounding = served_model(variant)
    half = Classifier(model, precision="bfloat16")
    pictures = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3), np.uint8)
    assert half.model.recipe == half.recipe == model.recipe
    assert half.predict(pictures) == Classifier(rounding).predict(pictures)
    assert half.predict(pictures) != Classifier(model).predict(pictures)
    # Statistics of a batch normalisation need more bits than eight.
    held = {len(w.shape) > 1: w.dtype for w in half.model.get_layer("conv2").weights}
    assert all(tf.as_dtype(kind) == tf.bfloat16 for kind in held.values())
    kept = [
        w for layer in half.model.layers if "bn" in layer.name for w in layer.weights
    ]
    assert all(tf.as_dtype(w.dtype) == tf.float32 for w in kept)
    assert len(kept) == (20 if variant == "modern" else 0)


def test_of_float16_what_it_cannot_hold_is_refused() -> None:
    model = served_model()
    kernel, bias = model.get_layer("fc6").get_weights()
    model.get_layer("fc6").set_weights([kernel * 1e9, bias])
    with pytest.raises(ValueError, match="precision='float16' must hold all weights"):
        Classifier(model, precision="float16")
    half = Classifier(model, precision="bfloat16").model
    assert np.isfinite(np.float32(half.get_weights()[10])).all()
