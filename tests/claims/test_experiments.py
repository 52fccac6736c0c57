"""Experiments: the data that they read, and the runs that they share and resume."""

import dataclasses
import itertools
import json
import math

import numpy as np
import pytest
from PIL import Image

from keras_alexnet.architectures import Architecture, Convolution, Pool, ReLU
from keras_alexnet.claims import pictures as claim_pictures
from keras_alexnet.claims.experiment import (
    Experiment,
    Finish,
    Run,
    epochs_to,
    finish_of,
)
from keras_alexnet.claims.measures.accuracy import Pair, accuracy
from keras_alexnet.claims.measures.colour_split import colour_split
from keras_alexnet.claims.measures.early import early
from keras_alexnet.claims.measures.equal_time import equal_time
from keras_alexnet.claims.measures.race import race
from keras_alexnet.claims.measures.views import ten_views
from keras_alexnet.claims.networks import with_pools
from keras_alexnet.claims.records import CIFAR10, Arm, Claim, Size, rates
from keras_alexnet.claims.rerunning import rerun
from keras_alexnet.claims.result import read, to_json
from keras_alexnet.classifier import Classifier
from keras_alexnet.data import open_source
from keras_alexnet.evaluation import CENTRE, TEN, Member, judge
from keras_alexnet.training.loop import Loop
from keras_alexnet.weights.runs import METRICS, METRICS_COLUMNS, SETTINGS
from keras_alexnet.weights.runs import settings as run_settings

TINY = Architecture(
    name="tiny",
    towers=1,
    convolutions=(Convolution(4, 5, 2, stages=(ReLU(), Pool(3, 2))),),
    dense=(),
    input_size=14,
)
OTHER = with_pools(TINY, Pool(2, 2))


def _claim(measure, **changes):
    return Claim(
        name="made_up",
        title="Made up",
        section="3.4",
        statement="One pool is better than another.",
        paper="Nothing.",
        since="Nothing.",
        measure=measure,
        setting="A tiny network on two colours",
        data=CIFAR10,
        settings={
            "batch_size": 8,
            "learning_rate": 0.003,
            "initialization": "cuda_convnet",
            "initial_stddev": 0.01,
        },
        arms={
            "3×3": Arm(TINY, tries=rates(0.001, 0.003)),
            "2×2": Arm(OTHER, differs=("conv1.stages",), tries=rates(0.001, 0.003)),
        },
        quick=Size(seeds=2, pictures=32, held_out=12, epochs=2, sweep_epochs=1),
        whole=Size(seeds=3, pictures=32, held_out=12, epochs=3, sweep_epochs=1),
        **changes,
    )


PAIR = Pair("3×3 against 2×2", "3×3", "2×2", 0.4)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Two classes of pictures that differ in colour."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for split, count in (("train", 24), ("val", 9)):
        for name, colour in (("red", 0), ("blue", 2)):
            folder = root / split / name
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = rng.integers(0, 160, [16, 16, 3])
                pixels[..., colour] += 80
                Image.fromarray(pixels.astype("uint8")).save(folder / f"{index}.png")
    return open_source(f"folder:{root}")


def _without_time(result):
    return to_json(dataclasses.replace(result, time=0.0))


@pytest.mark.compat
def test_a_claim_is_rerun_judged_and_written(source, tmp_path):
    lines = []
    result = rerun(
        _claim(accuracy(PAIR)),
        tmp_path,
        source,
        quick=True,
        sweep=True,
        say=lines.append,
    )
    (compared,) = result.comparisons
    assert (compared.seeds, compared.pictures, compared.paper) == (2, 12, 0.4)
    assert compared.verdict in ("seen", "contradicted", "undecided")
    one, two = result.arms["3×3"], result.arms["2×2"]
    assert one.differs == {}
    assert set(two.differs) == {"conv1.stages"}
    # The mean over seeds and pictures, from the numbers of each network.
    difference = np.mean(one.results) - np.mean(two.results)
    np.testing.assert_allclose(compared.value, difference, atol=1e-3)
    for arm in (one, two):
        assert set(arm.sweep) == {"learning_rate=0.001", "learning_rate=0.003"}
        assert arm.rate == float(min(arm.sweep, key=arm.sweep.get).partition("=")[2])
        assert [len(curve) for curve in arm.curves["val_top1"]] == [2, 2]
    assert len(lines) == 2 * 2 + 2 * 2  # the sweep's and the seeds' of two arms
    path = tmp_path / "made_up.json"
    path.write_text(to_json(result))
    assert read(path) == result
    assert json.loads(path.read_text())["verdict"] == compared.verdict


def test_killed_and_resumed_the_result_is_the_same(source, tmp_path, monkeypatch):
    claim = _claim(accuracy(PAIR))
    whole = rerun(claim, tmp_path / "whole", source, quick=True, say=lambda _: None)
    done = itertools.count(1)
    end = Loop._end_epoch

    def killed(loop, step):
        if next(done) in (3, 4):  # before this epoch is recorded
            raise KeyboardInterrupt
        end(loop, step)

    monkeypatch.setattr(Loop, "_end_epoch", killed)
    for _ in range(2):  # within the second run, and again where it resumed
        with pytest.raises(KeyboardInterrupt):
            rerun(claim, tmp_path / "parts", source, quick=True, say=lambda _: None)
    parts = rerun(claim, tmp_path / "parts", source, quick=True, say=lambda _: None)
    assert _without_time(parts) == _without_time(whole)


def test_a_run_is_trained_once_and_shared_by_claims(source, tmp_path):
    first, second = [], []
    claim = _claim(accuracy(PAIR))
    rerun(claim, tmp_path, source, quick=True, say=first.append)
    other = dataclasses.replace(claim, name="other", arms={"3×3": claim.arms["3×3"]})
    other = dataclasses.replace(other, measure=accuracy(Pair("same", "3×3", "3×3")))
    result = rerun(other, tmp_path, source, quick=True, say=second.append)
    assert len(first) == 4
    assert second == []
    assert result.comparisons[0].value == 0
    # Another rate, another number of epochs: other runs.
    arm = Arm(TINY, {"learning_rate": 0.001})
    third = []
    rerun(
        dataclasses.replace(other, arms={"3×3": arm}),
        tmp_path,
        source,
        quick=True,
        say=third.append,
    )
    assert len(third) == 2


def test_ten_views_are_those_of_the_evaluation(source, tmp_path):
    claim = _claim(ten_views)
    claim = dataclasses.replace(claim, arms={"3×3": claim.arms["3×3"]})
    copied = claim_pictures.copied(source, tmp_path / "data", 32, 12)
    experiment = Experiment(
        claim, claim.quick, copied, tmp_path, lambda _: None, quick=True
    )
    measured = ten_views(experiment)
    data = open_source(copied.spec)
    for seed, run in enumerate(experiment.runs("3×3")):
        member = Member.of(Classifier(run.path), data)
        errors = {
            each.views: 100 * each.scores.top1_error
            for each in judge([member], data, views=10)
        }
        shown = [values[seed] for values in measured.chart.series.values()]
        np.testing.assert_allclose(shown, [errors[TEN], errors[CENTRE]], atol=1e-3)


def test_the_first_epochs_and_equal_times_are_those_of_the_runs(source, tmp_path):
    claim = _claim(early(PAIR))
    result = rerun(claim, tmp_path, source, quick=True, say=lambda _: None)
    first = {
        name: [100 * np.mean(curve) for curve in arm.curves["top1"]]
        for name, arm in result.arms.items()
    }
    difference = np.mean(first["3×3"]) - np.mean(first["2×2"])
    assert result.comparisons[0].value == pytest.approx(difference)

    claim = dataclasses.replace(claim, measure=equal_time(PAIR))
    timed = rerun(claim, tmp_path, source, quick=True, say=lambda _: None)
    speeds = [timed.facts[f"{name}: pictures a second"] for name in claim.arms]
    expected = max(1, round(claim.quick.epochs * speeds[1] / speeds[0]))
    assert timed.facts["3×3: epochs"] == claim.quick.epochs
    assert timed.facts["2×2: epochs"] == expected
    assert {len(c) for c in timed.arms["2×2"].curves["top1"]} == {expected}


def test_an_epoch_without_a_speed_counts_as_the_mean_of_the_others(tmp_path):
    settings = "--variant=paper\n--image_size=28\n--batch_size=8\n--steps_per_epoch=10"
    (tmp_path / SETTINGS).write_text(settings)
    rows = [",".join(METRICS_COLUMNS)]
    for epoch, speed in enumerate((40.0, math.nan, 20.0), start=1):
        row = dict.fromkeys(METRICS_COLUMNS, "0")
        row |= {"epoch": str(epoch), "images_per_second": str(speed)}
        rows.append(",".join(row.values()))
    (tmp_path / METRICS).write_text("\n".join(rows))
    assert Run(tmp_path, 0, diverged=False).seconds == 2 + 3 + 4


def test_rates_are_swept_without_the_pictures_that_judge(source, tmp_path):
    copied = claim_pictures.copied(source, tmp_path, train=32, held_out=12)
    swept = open_source(copied.sweep_spec)
    judged = open_source(copied.spec)
    names = {
        split: {each.name for each in data.examples_at(split, np.arange(count))}
        for data in (swept,)
        for split, count in data.sizes.items()
    }
    judging = {e.name for e in judged.examples_at("validation", np.arange(12))}
    assert len(judging) == 12
    assert not judging & set.union(*names.values())
    assert sum(map(len, names.values())) == 32


def test_a_rate_is_tried_with_each_seed_of_the_sweep(source, tmp_path):
    size = Size(1, 32, 12, epochs=1, sweep_epochs=1, sweep_seeds=2)
    claim = dataclasses.replace(_claim(accuracy(PAIR)), whole=size)
    copied = claim_pictures.copied(source, tmp_path / "data", 32, 12)
    experiment = Experiment(claim, size, copied, tmp_path, print, sweep=True)
    experiment.chosen("3×3")
    tried = experiment.sweeps["3×3"]
    errors = {name: [] for name in tried}
    for path, run in experiment.used.items():
        rate = f"learning_rate={run_settings(path)['learning_rate']}"
        errors[rate].append((run.seed, 1 - run.curve("val_top1")[-1]))
    for name, found in errors.items():
        assert len({seed for seed, _ in found}) == 2
        assert tried[name] == pytest.approx(np.mean([error for _, error in found]))


@pytest.mark.parametrize(
    ("errors", "race_to", "chosen"),
    [
        ((0.50, 0.46), None, 0.001),  # √(0.46 · 0.54 / 100) = 0.0498
        ((0.52, 0.46), None, 0.003),
        ((0.46, 0.50), None, 0.001),
        ((12.1, 12.0), 0.75, 0.003),  # epochs, not parts of 100 pictures
    ],
)
def test_the_lowest_rate_that_is_as_good_as_the_best_is_chosen(
    source, tmp_path, monkeypatch, errors, race_to, chosen
) -> None:
    size = Size(1, pictures=500, held_out=12, epochs=1, sweep_epochs=1)
    claim = dataclasses.replace(_claim(accuracy(PAIR)), whole=size, race_to=race_to)
    costs = dict(zip((0.001, 0.003), errors, strict=True))
    monkeypatch.setattr(
        Experiment,
        "_error",
        lambda self, name, arm, tried: costs[tried["learning_rate"]],
    )
    experiment = Experiment(claim, size, None, tmp_path, print, sweep=True)
    assert experiment.chosen("3×3")["learning_rate"] == chosen
    assert list(experiment.sweeps["3×3"].values()) == list(errors)


def test_pictures_are_copied_whole_balanced_and_once(source, tmp_path):
    copied = claim_pictures.copied(source, tmp_path, train=20, held_out=6)
    opened = open_source(copied.spec)
    assert opened.sizes == {"train": 20, "validation": 6}
    assert opened.class_names == source.class_names
    for split, each in (("train", 10), ("validation", 3)):
        stored = list(opened.examples_at(split, np.arange(2 * each)))
        assert np.bincount([e.label for e in stored]).tolist() == [each, each]
    files = sorted(copied.path.rglob("*.png"))
    before = [each.stat().st_mtime_ns for each in files]
    given = {p.read_bytes() for p in source._root.rglob("*.png")}
    assert {each.read_bytes() for each in files} <= given
    again = claim_pictures.copied(source, tmp_path, train=20, held_out=6)
    assert again == copied
    assert [each.stat().st_mtime_ns for each in files] == before
    # Other numbers are other pictures.
    assert claim_pictures.copied(source, tmp_path, 21, 6).key != copied.key


def test_a_race_ends_at_its_target_and_stops_the_others(source, tmp_path):
    claim = _claim(
        race(
            Pair("3×3 against 2×2", "3×3", "2×2"),
            most={"quick": 3.0, "whole": 8.0},
        )
    )
    slow = Arm(OTHER, {"learning_rate": 1e-7}, differs=("conv1.stages",))
    claim = dataclasses.replace(
        claim,
        arms={**claim.arms, "2×2": slow},
        settings={**claim.settings, "val_share": 0.0, "crop": "centre"},
        race_to=0.9,
        quick=dataclasses.replace(claim.quick, epochs=20),
    )
    result = rerun(claim, tmp_path, source, quick=True, say=lambda _: None)
    fast, stopped = result.arms["3×3"], result.arms["2×2"]
    for curve, epochs in zip(fast.curves["top1"], fast.results, strict=True):
        assert curve[-1] >= 0.9
        assert all(value < 0.9 for value in curve[:-1])
        assert epochs <= len(curve)
    for first, curve in zip(fast.results, stopped.curves["top1"], strict=True):
        assert len(curve) == max(2, int(np.ceil(3 * first)))
    (compared,) = result.comparisons
    assert compared.bound == "at least"
    assert compared.value > 1


@pytest.mark.parametrize(
    ("top1", "target"),
    [([0.2, 0.4, 0.9], 0.75), ([0.8], 0.75), ([0.1, 0.2, 0.3, 0.75], 0.75)],
)
def test_a_finish_is_interpolated_as_numpy_does(top1, target):
    # Nothing is right at the beginning; a value is that of its epoch's middle.
    times, values = [0, *(np.arange(len(top1)) + 0.5)], [0, *top1]
    expected = np.interp(target, values, times)
    assert finish_of(top1, target) == Finish(pytest.approx(expected), True)


@pytest.mark.parametrize("level", [0.05, 0.2, 0.35, 0.5])
def test_epochs_to_a_level_are_interpolated_as_numpy_does(level):
    curve = [0.1, 0.25, 0.4, 0.5]
    expected = np.interp(level, [0, *curve], range(5))
    assert epochs_to(curve, level) == pytest.approx(expected)


def test_a_run_that_diverges_answers_one_class(source, tmp_path):
    claim = _claim(accuracy(PAIR))
    arms = {**claim.arms, "2×2": Arm(OTHER, {"learning_rate": 1e30})}
    claim = dataclasses.replace(claim, arms=arms)
    lines = []
    result = rerun(claim, tmp_path, source, quick=True, say=lines.append)
    assert result.arms["2×2"].results == [50.0, 50.0]  # of two classes, balanced
    assert sum("infinite" in line for line in lines) == 2
    again = rerun(claim, tmp_path, source, quick=True, say=lines.append)
    assert _without_time(again) == _without_time(result)


def test_a_colour_split_leaves_out_seeds_that_diverged(source, tmp_path):
    claim = dataclasses.replace(_claim(colour_split), whole=Size(3, 32, 12, 1, 1))
    whole = rerun(claim, tmp_path, source, say=lambda _: None)
    copied = claim_pictures.copied(source, tmp_path / "data", 32, 12)

    class Diverging(Experiment):
        diverged = ()

        def runs(self, name):
            first, *others = super().runs(name)
            # Before its first checkpoint: there are no kernels to read.
            gone = dataclasses.replace(first, diverged=True, path=tmp_path / "gone")
            return [gone if name in self.diverged else first, *others]

    experiment = Diverging(claim, claim.whole, copied, tmp_path, lambda _: None)
    for arms in (("3×3",), ("2×2",), ("3×3", "2×2")):
        experiment.diverged = arms
        measured = colour_split(experiment)
        assert measured.comparisons[0].seeds == 2
        assert measured.results == {
            name: arm.results[1:] for name, arm in whole.arms.items()
        }
        assert next(iter(measured.chart.series)) == "seed 1, tower 1"
    experiment.size = Size(1, 32, 12, 1, 1)
    with pytest.raises(ValueError, match="diverged with seeds \\[0\\]"):
        colour_split(experiment)


def test_an_epoch_is_a_pass_and_the_last_one_is_kept(source, tmp_path):
    claim = _claim(accuracy(PAIR))
    copied = claim_pictures.copied(source, tmp_path / "data", 32, 12)
    experiment = Experiment(
        claim, claim.quick, copied, tmp_path, lambda _: None, quick=True
    )
    flags = (experiment.run("3×3", 0).path / "config.flags").read_text().splitlines()
    assert "--keep=last" in flags
    assert "--steps_per_epoch=4" in flags  # 32 pictures in batches of 8
