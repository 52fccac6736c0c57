"""Descriptions of a run: its first lines, and those of `--dry_run`."""

from __future__ import annotations

import math

import keras
import tensorflow as tf
from rich.table import Table

from keras_alexnet.data.sources import TRAIN, Source
from keras_alexnet.training.config import TrainingConfig
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
