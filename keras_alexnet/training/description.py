"""Descriptions of a run: its first lines, its notes, and those of `--dry_run`."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf
from rich.table import Table

from keras_alexnet.data.sources import TRAIN, Source
from keras_alexnet.training.config import TrainingConfig
from keras_alexnet.training.epochs import Epochs
from keras_alexnet.training.profiling import expected_memory, trained_values
from keras_alexnet.training.rates import Rates
from keras_alexnet.training.schedules import LayerRates, whole_epochs
from keras_alexnet.training.starting import Beginning
from keras_alexnet.training.updates import RULES
from keras_alexnet.weights.loading import other_names

# Of 192 photos in four classes the defaults learnt 0.25; 200 steps of 64, of 3,000
# photos in ten, were 0.34; 882 steps of the embedded 2,000 pictures are 0.99.
_FEW_PICTURES, _FEW_STEPS = 2000, 500
# Of a run of six classes the first layers alone were of use, `configs/finetune.flags`.
_FEW_CLASSES, _FIRST_LAYERS = 100, 3
_MOST_OF_THE_FIRST = 0.1  # an average over a quarter of the run has 0.02 of them


def first_lines(
    config: TrainingConfig,
    name: str,
    source: Source,
    rates: Rates,
    replicas: int,
    mean: tuple[float, ...],
) -> str:
    """The first lines of a run: network, data, steps, learning rate and colours."""
    # A run that begins with other weights has the mean colour that they read.
    colours = "mean colour and " if mean == tuple(source.statistics.mean) else ""
    return (
        f"{name} on {config.data}: {len(source.class_names)} classes, "
        f"{source.sizes[TRAIN]} pictures to train on\n"
        f"{rates.total_steps} steps of {config.batch_size} on {replicas} device(s), "
        f"{_rate(config)}\n"
        f"{colours}colour components: {source.statistics.origin}"
    )


def notes(
    config: TrainingConfig,
    pictures: int,
    rates: Rates,
    beginning: Beginning | None = None,
    class_names: Sequence[str] = (),
) -> list[str]:
    """What a person should know before the first step, a line each; often nothing.

    Args:
        config: The run's settings.
        pictures: Number of training pictures.
        rates: The run's rates and steps.
        beginning: The weights to begin with, if there are any.
        class_names: Names of the run's classes.
    """
    found = (
        _few(config, pictures, rates.total_steps),
        _of_few_classes(config, pictures, beginning, class_names),
        _average_that_stays(config, rates),
        _warmup_that_fills(config, rates),
        _frozen_as_drawn(config),
        *_beyond_the_end(config),
    )
    return [f"note: {each}" for each in found if each is not None]


def _few(config: TrainingConfig, pictures: int, steps: int) -> str | None:
    """What few pictures or steps need, without weights to begin with."""
    if config.init_from is not None:
        return None
    # As configs/few_photos.flags: small windows, and steps that were counted.
    follows = config.crop == "resized" and config.steps_per_epoch is not None
    if follows and steps >= _FEW_STEPS:
        return None
    if pictures < _FEW_PICTURES:
        line = (
            f"{pictures} pictures are few to train from scratch: begin with weights of "
            "many classes (--init_from=imagenet --flagfile=configs/finetune.flags)"
        )
        if config.crop != "resized":
            return f"{line}, or use --flagfile=configs/few_photos.flags"
        few = (
            f"; {steps} steps are few too: give more --epochs "
            "(configs/few_photos.flags has 1,000 steps)"
        )
        return line + few if steps < _FEW_STEPS else line
    if steps < _FEW_STEPS:
        return f"{steps} steps are few to train from scratch: give more --epochs"
    return None


def _of_few_classes(
    config: TrainingConfig,
    pictures: int,
    beginning: Beginning | None,
    class_names: Sequence[str],
) -> str | None:
    """What weights of few classes need: their last layers know little else."""
    if beginning is None or config.init_layers or pictures >= _FEW_PICTURES:
        return None
    weights, record = beginning.weights, beginning.architecture
    known, others = weights.classes, other_names(weights, class_names)
    if known is None or known >= _FEW_CLASSES:
        return None
    if known == len(class_names) and not others:
        return None
    layers, rates = [], []
    for number, convolution in enumerate(record.convolutions[:_FIRST_LAYERS], start=1):
        normed = [] if convolution.has_biases else [f"bn{number}"]
        layers += [f"conv{number}", *normed]
        rates.append(f"conv{number}=0.1")
    command = [
        "keras-alexnet",
        "train",
        "--flagfile=configs/finetune.flags",
        f"--data={config.data}",
        f"--init_from={config.init_from}",
        f"--init_layers={','.join(layers)}",
        "--learning_rate=0.02",
        f"--layer_rates={','.join(rates)}",
        f"--model_dir={config.model_dir}-first-layers",
    ]
    return (
        f"{config.init_from} is of {known} classes, and its last layers know no "
        f"others; to take its first ones alone: {shlex.join(command)}"
    )


def _average_that_stays(config: TrainingConfig, rates: Rates) -> str | None:
    """A fixed momentum with which the average keeps the weights it began with."""
    momentum, steps = config.average_momentum, rates.total_steps
    kept = momentum ** (steps - 1)
    if config.average == "none" or config.average_window or kept <= _MOST_OF_THE_FIRST:
        return None
    return (
        f"after {steps} steps the average has still {kept:.0%} of the weights of the "
        f"first step, since average_momentum={momentum:g} reaches back "
        f"{rates.average_steps:,.0f} steps: give --average_window=0.2 in place of it, "
        "or a lower one"
    )


def _warmup_that_fills(config: TrainingConfig, rates: Rates) -> str | None:
    steps = rates.total_steps
    if config.warmup or 2 * rates.warmup_steps <= steps:
        return None
    return (
        f"the learning rate rises for {rates.warmup_steps} of {steps} steps: give "
        "--warmup=0.04 in place of --warmup_steps, or fewer"
    )


def _frozen_as_drawn(config: TrainingConfig) -> str | None:
    if not config.freeze or config.init_from is not None:
        return None
    return (
        f"freeze={config.freeze} keeps the random values that these layers start "
        "with: give --init_from for others"
    )


def _beyond_the_end(config: TrainingConfig) -> Iterator[str]:
    """Settings that name epochs which the run does not reach."""
    for name, epochs in (
        ("step_epochs", whole_epochs(config.step_epochs)),
        ("layer_rates", LayerRates(config.layer_rates).epochs),
        ("colour_noise_epochs", (config.colour_noise_epochs or 0,)),
    ):
        if max(epochs, default=0) >= config.epochs:
            yield (
                f"{name}={getattr(config, name)} names an epoch that is not reached: "
                f"the run has {config.epochs}"
            )


def _rate(config: TrainingConfig) -> str:
    """The learning rate, and its scaling if there is one."""
    rate = config.learning_rate * config.rate_scale
    if config.rate_scale == 1:
        return f"learning rate {rate:g}"
    return (
        f"learning rate {rate:g}: {config.learning_rate:g} for a batch of "
        f"{config.rate_batch_size}, scaled by {config.rate_scale:g}"
    )


def without_momentum(config: TrainingConfig, epochs: Epochs) -> str:
    """What is lost where a run continues from weights alone."""
    averaged = config.average != "none"
    average = ", the average with the weights that were evaluated" if averaged else ""
    line = f"only weights were kept (--keep_optimizer): momentum starts at 0{average}"
    if not epochs.repeated:
        return line
    return f"{line}; {epochs.repeated} epochs after {len(epochs.errors)} are repeated"


def rate_ahead(rates: Rates, start: int, errors: Sequence[float]) -> str:
    """How the learning rate goes on in a run that was given other epochs.

    Args:
        rates: The run's rates.
        start: How many steps are done.
        errors: Validation errors of the epochs that are done.

    Returns:
        A line, as `"epochs 15-30: rate 0.009 falling to 0 by the cosine over 30
        epochs; epochs 1-14 had the one over 14"`.
    """
    course, size = rates.course, rates.steps_per_epoch
    first = max(start, course.since) + 1
    line = f"{_span(first, rates.total_steps, size)}: {_ahead(rates, first, errors)}"
    if rates.schedule != "cosine":
        return line
    begins = [1, *(stretch.last_step + 1 for stretch in course.before)]
    for begin, stretch in zip(begins, course.before, strict=False):
        epochs, last = stretch.epochs, stretch.last_step
        line += f"; {_span(begin, last, size)} had the one over {epochs}"
    return line


def rate_course(rates: Rates) -> list[str]:
    """The learning rate from the first step to the last, in lines.

    If it changes and is known before: also at the first step, at the end of the
    warm-up, after each quarter and at the last step.

    Example:

    >>> config = TrainingConfig(epochs=4, schedule="cosine", learning_rate=0.02)
    >>> print(*rate_course(Rates(config, [], steps_per_epoch=100)), sep="\\n")
    rate 0.02 falling to 0 by the cosine over 4 epochs
    step 1: 0.02, 100: 0.0171, 200: 0.0101, 300: 0.00298, 400: 3.08e-07
    """
    steps = rates.total_steps
    words = _ahead(rates, 1, ())
    if rates.schedule == "plateau":
        return [words]
    quarters = [max(1, round(steps * part / 4)) for part in range(5)]
    at = sorted({*quarters, min(max(rates.warmup_steps, 1), steps)})
    each = [(step, rates.weights(step, ())) for step in at]
    if len({rate for _, rate in each}) == 1:
        return [words]
    return [words, "step " + ", ".join(f"{step}: {rate:.3g}" for step, rate in each)]


def _span(first: int, last: int, steps_per_epoch: int) -> str:
    """The epochs of some steps, and the steps if these are not whole epochs."""
    one, other = math.ceil(first / steps_per_epoch), math.ceil(last / steps_per_epoch)
    words = f"epoch {one}" if one == other else f"epochs {one}-{other}"
    if (first - 1) % steps_per_epoch or last % steps_per_epoch:
        words += f" (steps {first}-{last})"
    return words


def _ahead(rates: Rates, first: int, errors: Sequence[float]) -> str:
    rate = f"rate {rates.weights(first, errors):g}"
    if first <= rates.warmup_steps:
        rate += f" rising to {rates.highest:g} until step {rates.warmup_steps}, then"
    if rates.schedule == "cosine":
        return f"{rate} falling to 0 by the cosine over {rates.course.epochs} epochs"
    if rates.schedule == "plateau":
        return f"{rate}, divided by 10 when the validation error stops improving"
    done = rates.epochs_before(first)
    drops = [
        str(after) for after in rates.drops_after if done < after < rates.course.epochs
    ]
    if drops:
        return f"{rate}, divided by 10 after epoch {', '.join(drops)}"
    return f"{rate} to the end"


def layer_table(model: keras.Model) -> Table:
    """Name, kind, output shape and parameters of each layer."""
    table = Table(box=None, pad_edge=False)
    for title in ("layer", "kind", "output"):
        table.add_column(title, overflow="fold")
    table.add_column("parameters", justify="right", no_wrap=True)
    for layer in model.layers:
        # An exchange between towers has an output for each reader, of one shape.
        output = tf.nest.flatten(layer.output)[0]
        shape = " × ".join(str(side) for side in output.shape[1:])
        count = f"{layer.count_params():,}" if layer.count_params() else ""
        table.add_row(layer.name, type(layer).__name__, shape, count)
    table.add_row("all", "", "", f"{model.count_params():,}")
    return table


def sizes(config: TrainingConfig, model: keras.Model, rates: Rates) -> str:
    """Steps, the course of the rate, checkpoints and memory."""
    rule = RULES.get(config.update_rule)
    slots = len(rule.slot_names) if rule else 1  # tensorflow-addons keeps a velocity
    slots += config.average != "none"
    state = 4 * (model.count_params() + slots * trained_values(model))
    sums = int(config.accumulate > 1)  # of the gradients of the parts before
    pictures = config.batch_size // config.accumulate
    memory = expected_memory(model, pictures, slots + sums)
    steps = rates.total_steps
    course = f"\n{13 * ' '}".join(rate_course(rates)).removeprefix("rate ")
    return (
        f"steps        {steps:,}: {config.epochs} epochs of {rates.steps_per_epoch:,}\n"
        f"rate         {course}\n"
        f"pictures     {steps * config.batch_size:,}\n"
        f"checkpoint   {math.ceil(state / 1e6):,} MB\n"
        f"memory       about {memory:.1f} GiB beside the program, over all devices"
    )
