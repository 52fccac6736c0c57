"""The claims: arms differ in what they declare, and in nothing else."""

import dataclasses
import itertools

import numpy as np
import pytest

from keras_alexnet.architectures import checked
from keras_alexnet.claims import registry
from keras_alexnet.models import build
from keras_alexnet.training import TrainingConfig

CLAIMS = [registry.get(name) for name in registry.names()]
ARMS = [
    pytest.param(claim, name, id=f"{claim.name}-{name}")
    for claim in CLAIMS
    for name in claim.arms
]


@pytest.mark.parametrize(("claim", "name"), ARMS)
def test_an_arm_differs_from_the_first_in_what_it_declares(claim, name):
    declared = claim.arms[name].differs
    assert tuple(sorted(declared)) == tuple(claim.differences(name))
    assert bool(declared) == (name != next(iter(claim.arms)))


def _flat(value, name=""):
    """Every number and text in a record, by its place; not by the code under test."""
    if dataclasses.is_dataclass(value):
        fields = [each.name for each in dataclasses.fields(value)]
        parts = {field: getattr(value, field) for field in fields}
        parts["kind"] = type(value).__name__
    elif isinstance(value, (tuple, list)):
        parts = dict(enumerate(value))
    else:
        return {name: value}
    flat = {}
    for key, part in parts.items():
        flat |= _flat(part, f"{name}.{key}")
    return flat


@pytest.mark.parametrize(("claim", "name"), ARMS)
def test_no_undeclared_field_differs(claim, name):
    """Settings and records are compared field by field, without `differences`."""
    first, own = next(iter(claim.arms.values())), claim.arms[name]
    if "convolutions" in own.differs:
        kept = list(first.architecture.convolutions)
        assert all(each in kept for each in own.architecture.convolutions)
        own = dataclasses.replace(
            own,
            architecture=dataclasses.replace(
                own.architecture, convolutions=first.architecture.convolutions
            ),
        )
    found = set()
    settings = [
        vars(TrainingConfig(**{**claim.settings, **each.settings}))
        for each in (first, own)
    ]
    found |= {k for k in settings[0] if settings[0][k] != settings[1][k]}
    records = [_flat(each.architecture) for each in (first, own)]
    for key in {*records[0], *records[1]}:
        if records[0].get(key) != records[1].get(key):
            parts = key.split(".")[1:]
            if parts[0] == "convolutions":
                parts = [f"conv{int(parts[1]) + 1}", parts[2]]
                found.add(".".join(parts))
            else:
                found.add(parts[0])
    found -= {"learning_rate", "name", "sources"}
    assert found == set(own.differs) - {"convolutions"}


@pytest.mark.parametrize(("claim", "name"), ARMS)
def test_a_network_can_be_built_and_every_try_is_a_setting(claim, name):
    arm = claim.arms[name]
    checked(arm.architecture)
    for tried in arm.tries:
        TrainingConfig(**{**claim.settings, **arm.settings, **tried})
    own = {**claim.settings, **arm.settings}
    # What was chosen is among what is tried.
    assert any(all(own[k] == v for k, v in t.items()) for t in arm.tries)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_a_claim_says_what_a_reader_needs(claim):
    assert claim.statement.endswith(".")
    assert claim.title
    assert claim.paper
    assert claim.since
    assert claim.quick.seeds <= claim.whole.seeds
    assert claim.quick.pictures <= claim.whole.pictures
    assert claim.quick.seeds >= 2


def _weights(claim, name, seed):
    arm = claim.arms[name]
    settings = TrainingConfig(**{**claim.settings, **arm.settings})
    model = build(
        arm.architecture,
        classes=10,
        initialization=settings.initialization,
        initial_bias=settings.initial_bias,
        initial_stddev=settings.initial_stddev,
        seed=seed,
    )
    return {
        layer.name: [np.asarray(w) for w in layer.get_weights()]
        for layer in model.layers
        if layer.name.startswith(("conv", "fc")) and layer.get_weights()
    }


@pytest.mark.parametrize("name", ["lrn_network", "two_towers", "depth", "dense_width"])
def test_layers_of_one_shape_start_alike(name):
    claim = registry.get(name)
    every = {arm: _weights(claim, arm, seed=3) for arm in claim.arms}
    alike = 0
    for one, other in itertools.combinations(every, 2):
        for layer in every[one].keys() & every[other].keys():
            first, second = every[one][layer][0], every[other][layer][0]
            if first.shape == second.shape:
                np.testing.assert_array_equal(first, second)
                alike += 1
    assert alike
    again = _weights(claim, next(iter(claim.arms)), seed=4)
    first = every[next(iter(claim.arms))]
    assert not np.array_equal(first["conv1"][0], again["conv1"][0])
