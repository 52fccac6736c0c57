"""Descriptions of a run: its first lines, and those of `--dry_run`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import tensorflow as tf
from rich.table import Table

from keras_alexnet.data.sources import TRAIN, Source
from keras_alexnet.training.config import TrainingConfig
from keras_alexnet.training.epochs import Epochs
from keras_alexnet.training.profiling import expected_memory
from keras_alexnet.training.rates import Rates
from keras_alexnet.training.updates import RULES


def first_lines(
    config: TrainingConfig, name: str, source: Source, rates: Rates, replicas: int
) -> str:
    """The first lines of a run: network, data, steps and learning rate."""
    return (
        f"{name} on {config.data}: {len(source.class_names)} classes, "
        f"{source.sizes[TRAIN]} pictures to train on\n"
        f"{rates.total_steps} steps of {config.batch_size} on {replicas} device(s), "
        f"{_rate(config)}\n"
        f"mean colour and colour components: {source.statistics.origin}"
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
    for begin, (epochs, last) in zip(begins, course.before, strict=False):
        line += f"; {_span(begin, last, size)} had the one over {epochs}"
    return line


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
        table.add_column(title, no_wrap=True)
    table.add_column("parameters", justify="right")
    for layer in model.layers:
        # An exchange between towers has an output for each reader, of one shape.
        output = tf.nest.flatten(layer.output)[0]
        shape = " × ".join(str(side) for side in output.shape[1:])
        count = f"{layer.count_params():,}" if layer.count_params() else ""
        table.add_row(layer.name, type(layer).__name__, shape, count)
    table.add_row("all", "", "", f"{model.count_params():,}")
    return table


def sizes(config: TrainingConfig, model: keras.Model, rates: Rates) -> str:
    """Steps, checkpoints and memory, a line each."""
    rule = RULES.get(config.update_rule)
    slots = len(rule.slot_names) if rule else 1  # tensorflow-addons keeps a velocity
    slots += config.average != "none"
    state = model.count_params() * 4 * (1 + slots)
    memory = expected_memory(model, config.batch_size, slots)
    steps = rates.total_steps
    return (
        f"steps        {steps:,}: {config.epochs} epochs of {rates.steps_per_epoch:,}\n"
        f"pictures     {steps * config.batch_size:,}\n"
        f"checkpoint   {math.ceil(state / 1e6):,} MB\n"
        f"memory       about {memory:.1f} GiB beside the program, over all devices"
    )
