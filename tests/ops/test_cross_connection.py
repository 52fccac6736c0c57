"""The seam, native and composite, against its formula and against TensorFlow."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from seam_reference import crossed

from keras_alexnet.ops import LRN, cross_connect, native_library

BOTH = pytest.mark.parametrize("kernels", ["native", "composite"])
BOUNDS = {"float64": 1e-12, "float32": 2e-6, "float16": 2e-3, "bfloat16": 1e-2}


def numbers(shape: tuple[int, ...], seed: int = 0, scale: float = 30.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, scale, shape)


def relative_error(ours: tf.Tensor, exact: np.ndarray) -> float:
    largest = max(np.abs(exact).max(initial=0.0), 1e-30)
    return np.abs(tf.cast(ours, tf.float64).numpy() - exact).max(initial=0.0) / largest


def test_the_library_was_built_with_the_package() -> None:
    # Without a compiler the package works too, but then the native op is not tested.
    assert native_library() is not None


def test_the_library_depends_on_no_version_of_tensorflow() -> None:
    nm = shutil.which("nm")
    if nm is None:
        pytest.skip("needs nm, of binutils")
    listing = subprocess.run(
        [nm, "-D", "--undefined-only", native_library()],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    symbols = [line.split()[-1].partition("@")[0] for line in listing.splitlines()]
    assert "TF_RegisterOpDefinition" in symbols
    assert not [symbol for symbol in symbols if symbol.startswith("_Z")]


@st.composite
def seams(draw: st.DrawFn) -> tuple[list[tuple[int, ...]], dict, dict]:
    """Shapes of towers, arguments for the op, and the same for the reference."""
    batch, height, width = draw(
        st.tuples(st.integers(0, 3), st.integers(1, 9), st.integers(1, 9))
    )
    channels = draw(st.lists(st.integers(1, 300), min_size=1, max_size=4))
    lrn = draw(
        st.none()
        | st.builds(
            LRN,
            st.integers(1, 9),
            st.floats(0.5, 3),
            st.floats(0, 0.01),
            st.sampled_from([0.75, 0.5, 1.0, 0.3]),
            st.sampled_from(["sum", "mean"]),
        )
    )
    relu, first = draw(st.booleans()), draw(st.booleans())
    size = draw(st.tuples(st.integers(1, height), st.integers(1, width)))
    pool = draw(
        st.none() | st.tuples(st.just(size), st.tuples(*[st.integers(1, 3)] * 2))
    )
    ours = {
        "activation": "relu" if relu else None,
        "activation_first": first,
        "norm": lrn,
        "pool_size": pool and pool[0],
        "pool_strides": pool and pool[1],
    }
    reference = {"lrn": lrn, "relu": relu, "first": first, "pool": pool}
    return [(batch, height, width, c) for c in channels], ours, reference


@BOTH
@settings(max_examples=60, deadline=None, derandomize=True)
@given(seam=seams(), dtype=st.sampled_from(sorted(BOUNDS)))
def test_it_is_the_formula(kernels: str, seam: tuple, dtype: str) -> None:
    shapes, arguments, reference = seam
    maps = [tf.cast(numbers(shape, i), dtype) for i, shape in enumerate(shapes)]
    exact = crossed([tf.cast(x, "float64").numpy() for x in maps], **reference)
    y = cross_connect(maps, **arguments, kernels=kernels)
    assert y.dtype == dtype
    assert y.shape == exact.shape
    assert relative_error(y, exact) <= BOUNDS[dtype]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seam=seams(), dtype=st.sampled_from(["float64", "float32"]))
def test_gradients_of_both_kernels_agree(seam: tuple, dtype: str) -> None:
    shapes, arguments, _ = seam
    maps = [tf.cast(numbers(shape, i), dtype) for i, shape in enumerate(shapes)]
    gradients = {}
    for kernels in ("native", "composite"):
        with tf.GradientTape() as tape:
            tape.watch(maps)
            y = cross_connect(maps, **arguments, kernels=kernels)
        upstream = tf.cast(numbers(y.shape, 9, 1.0), dtype)
        gradients[kernels] = tape.gradient(y, maps, upstream)
    for ours, theirs in zip(gradients["native"], gradients["composite"], strict=True):
        assert relative_error(ours, theirs.numpy()) <= 10 * BOUNDS[dtype]


@BOTH
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("lrn", [LRN(), LRN(4, 0.5, 0.2, 1.3, "mean"), None], ids=str)
def test_gradient_is_that_of_finite_differences(
    kernels: str, first: bool, lrn: LRN | None
) -> None:
    x, pool = numbers((1, 4, 5, 6), 1, 2.0), ((3, 2), (1, 2))
    maps = [tf.constant(x[..., :4]), tf.constant(x[..., 4:])]
    with tf.GradientTape() as tape:
        tape.watch(maps)
        y = cross_connect(
            maps,
            activation_first=first,
            norm=lrn,
            pool_size=pool[0],
            pool_strides=pool[1],
            kernels=kernels,
        )
    upstream = numbers(y.shape, 2, 1.0)
    ours = np.concatenate(tape.gradient(y, maps, tf.constant(upstream)), axis=-1)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = 1e-5
        above, below = (
            crossed([z[..., :4], z[..., 4:]], lrn, True, first, pool)
            for z in (x + step, x - step)
        )
        slope = ((above - below) * upstream).sum() / 2e-5
        assert ours[index] == pytest.approx(slope, abs=1e-6)


@BOTH
@pytest.mark.compat
def test_of_equal_maxima_the_one_of_max_pooling_gets_the_gradient(kernels: str) -> None:
    # Few different values, so that most windows have several maxima.
    x = tf.constant(np.random.default_rng(0).integers(-1, 3, (2, 9, 9, 8)), tf.float32)
    options = {"norm": None, "pool_size": 3, "pool_strides": 2}
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        ours = cross_connect(x, towers=2, kernels=kernels, **options)
        theirs = tf.nn.max_pool2d(tf.nn.relu(x), 3, 2, "VALID")
    upstream = tf.constant(numbers(theirs.shape, 3, 1.0), tf.float32)
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(
        tape.gradient(ours, x, upstream), tape.gradient(theirs, x, upstream), atol=1e-6
    )


@BOTH
@pytest.mark.compat
def test_packed_towers_are_the_list_of_them(kernels: str) -> None:
    x = tf.constant(numbers((2, 9, 9, 12)), tf.float32)
    options = {"pool_size": 3, "pool_strides": 2, "kernels": kernels}
    listed = cross_connect(tf.split(x, 3, axis=-1), **options)
    np.testing.assert_array_equal(cross_connect(x, towers=3, **options), listed)


@BOTH
def test_with_all_stages_off_only_the_exchange_is_left(kernels: str) -> None:
    maps = [tf.constant(numbers((2, 3, 3, c), c), tf.float32) for c in (2, 5)]
    with tf.GradientTape() as tape:
        tape.watch(maps)
        y = cross_connect(maps, activation=None, norm=None, kernels=kernels)
    np.testing.assert_array_equal(y, tf.concat(maps, -1))
    upstream = tf.constant(numbers(y.shape, 7), tf.float32)
    left, right = tape.gradient(y, maps, upstream)
    np.testing.assert_array_equal(tf.concat([left, right], -1), upstream)


def test_nan_stays_where_the_formula_has_it() -> None:
    x = np.ones((1, 2, 1, 12), "float32")
    x[0, 0, 0, 2] = np.nan
    options = {"activation": None, "towers": 2}
    native = cross_connect(tf.constant(x), kernels="native", **options).numpy()
    assert np.isnan(native[0, 0, 0]).tolist() == [f <= 4 for f in range(12)]
    # In the composite's product with a band NaN times 0 is NaN, within the tower.
    composite = cross_connect(tf.constant(x), kernels="composite", **options).numpy()
    assert np.isnan(composite[0, 0, 0, :5]).all()
    for y in (native, composite):
        assert np.isfinite(y[0, 1]).all()


@BOTH
@pytest.mark.parametrize("jit", [False, True])
def test_graphs_with_unknown_sizes_give_the_same(kernels: str, jit: bool) -> None:
    if jit and kernels == "native":
        kernels = "auto"  # which must detect that XLA compiles it
    spec = tf.TensorSpec([None, None, None, 8], tf.float32)

    @tf.function(input_signature=[spec], jit_compile=jit)
    def compiled(x: tf.Tensor) -> tf.Tensor:
        y = cross_connect(x, towers=2, pool_size=3, pool_strides=2, kernels=kernels)
        assert y.shape[-1] == 8
        return y

    x = tf.constant(numbers((2, 9, 7, 8)), tf.float32)
    exact = crossed(np.split(x.numpy(), 2, -1), LRN(), pool=((3, 3), (2, 2)))
    assert relative_error(compiled(x), exact) <= 2e-6


MAPS = tf.zeros([1, 4, 4, 6])
BAD = [
    (lambda: cross_connect(tf.zeros([4, 4, 6])), "rank 4.*Received: shape"),
    (lambda: cross_connect(tf.zeros([1, 4, 4, 6], tf.int32)), "dtype=int32"),
    (lambda: cross_connect([]), r"Received: maps=\[\]"),
    (lambda: cross_connect(MAPS, towers=4), "towers=4, channels=6"),
    (lambda: cross_connect(MAPS, towers=0), "towers=0"),
    (lambda: cross_connect([MAPS, MAPS], towers=3), "towers=3, 2 maps"),
    (lambda: cross_connect([MAPS, tf.zeros([1, 5, 4, 6])]), "one batch, height"),
    (lambda: cross_connect([MAPS, tf.cast(MAPS, "float64")]), "of one type"),
    (lambda: cross_connect(MAPS, activation="tanh"), "activation='tanh'"),
    (lambda: cross_connect(MAPS, norm=5), "norm=5"),
    (lambda: cross_connect(MAPS, pool_size=5), r"pool_size=\(5, 5\), maps of height 4"),
    (lambda: cross_connect(MAPS, pool_size=0), "pool_size=0"),
    (lambda: cross_connect(MAPS, pool_size=2, pool_strides=-1), "pool_strides=-1"),
    (lambda: cross_connect(MAPS, pool_strides=2), "pool_strides=2"),
    (lambda: cross_connect(MAPS, pool_size=(1, 2, 3)), r"pool_size=\(1, 2, 3\)"),
    (lambda: cross_connect(MAPS, kernels="fast"), "kernels='fast'"),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[each[1] for each in BAD])
def test_bad_arguments_are_named(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_errors_found_only_at_run_time_are_named_too() -> None:
    spec = tf.TensorSpec([None, None, None, 6], tf.float32)
    compiled = tf.function(
        lambda x: cross_connect(x, pool_size=5, kernels="native"),
        input_signature=[spec],
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?i)pool.*5.*4"):
        compiled(MAPS)
