"""One step of training: loss, gradients, update, and what a bad batch does."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_alexnet.data import ColourNoise, ColourStatistics
from keras_alexnet.data.mixing import Mix, mixed
from keras_alexnet.evaluation import Evaluator
from keras_alexnet.layers.stateless_dropout import Place, dropout_at
from keras_alexnet.ops.dispatch import graph_that_stays
from keras_alexnet.ops.updating import unwidened
from keras_alexnet.optimizers import assign
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.reasons import must_be
from keras_alexnet.training.loss import Loss, LossScale
from keras_alexnet.training.network import Network
from keras_alexnet.training.state import TrainState
from keras_alexnet.training.updates import clipping_factor
from keras_alexnet.training.workers.coordination import Signals
from keras_alexnet.two_towers import prepared_in_place

_PACK = 2**25  # bytes of gradients that are summed over the replicas together


class StepInputs(NamedTuple):
    """The inputs of a step besides its batch.

    Args:
        step: Number of the step, from 1.
        rates: Learning rate of each trained variable, float32 `[variables]`.
        noise: Strength of the colour noise, from 0 (none) to 1 (as configured).
        signals: This worker's signals, which the step sums over all replicas.
        average_momentum: How much of itself the average of the weights keeps.
    """

    step: int
    rates: np.ndarray
    noise: float = 1.0
    signals: Signals = Signals()
    average_momentum: float = 0.0

    def tensors(self) -> dict[str, tf.Tensor]:
        """The inputs as tensors, so that no step is traced again."""
        return _on_host(self._asdict())


def stacked(inputs: Sequence[StepInputs]) -> dict[str, tf.Tensor]:
    """The inputs of successive steps as tensors, `[steps, …]` each."""
    columns = zip(StepInputs._fields, zip(*inputs, strict=True), strict=True)
    return _on_host({name: np.array(column) for name, column in columns})


def _on_host(values: dict[str, Any]) -> dict[str, tf.Tensor]:
    types = {
        "step": tf.int64,
        "rates": tf.float32,
        "noise": tf.float32,
        "signals": tf.float64,
        "average_momentum": tf.float32,
    }
    with tf.device("CPU:0"):  # else each would be a copy to the GPU of its own
        return {name: tf.constant(values[name], types[name]) for name in types}


class _Part(NamedTuple):
    """Some rows of a replica's batch.

    Args:
        first: Number of the first one among the replica's.
        batch: The rows.
    """

    first: int
    batch: dict[str, tf.Tensor]


class TrainStep:
    """The training step of a model, compiled for the devices of one strategy.

    Args:
        network: What the run trains, with its settings.
        classes: Number of classes.
        statistics: Mean colour and colour components of the data.
        strategy: The strategy for the variables.

    Raises:
        ValueError: If the devices cannot have the same number of pictures in each part
            of a batch, and of pairs where these are mixed.
    """

    def __init__(
        self,
        network: Network,
        classes: int,
        statistics: ColourStatistics,
        strategy: tf.distribute.Strategy,
    ) -> None:
        self._config = config = network.config
        self._strategy = strategy
        self._replicas = strategy.num_replicas_in_sync
        self._mixes = config.mixing is not None
        self._check_rows()
        self._loss = Loss(config, classes)
        self._noise = ColourNoise(
            config.colour_noise, config.colour_noise_strength, statistics
        )
        self.recipe = network.recipe(statistics.mean)
        # Colour noise is for R, G, B around the data's mean in 0-255: between these
        # two. The network may read another mean, that of the weights it began with.
        self._centre = Preprocessing(mean=statistics.mean)
        read = self.recipe.preprocessing
        rest = np.subtract(read.mean, statistics.mean)
        self._finish = dataclasses.replace(read, mean=tuple(rest))
        with strategy.scope():
            self.train_state = TrainState(network, classes)
            self._scale = LossScale(config.precision == "mixed_float16")
        self.model = self.train_state.model
        # `evaluation.totals`, summed since the start of the epoch.
        self.totals = tf.Variable(tf.zeros([4], tf.float64), trainable=False)
        # Skipped batches: their number, the step of the first, the step of the last.
        self.skipped = tf.Variable([0, 0, 0], trainable=False, dtype=tf.int64)
        self.evaluator = Evaluator(
            self.model, self.recipe, from_logits=True, strategy=strategy
        )

    def _check_rows(self) -> None:
        """Refuses batches whose parts would have different numbers of rows."""
        config = self._config
        each = self._replicas * config.accumulate
        least = each * (2 if self._mixes else 1)
        if config.batch_size % least:
            pairs = ", in pairs to mix" if self._mixes else ""
            raise must_be(
                "batch_size",
                f"a multiple of {least}: {self._replicas} device(s) with "
                f"accumulate={config.accumulate}{pairs}",
                config.batch_size,
            )

    def variables(self) -> dict[str, Any]:
        """All variables that a step changes, by names of our own."""
        scale = {"scale": self._scale.scale, "steps": self._scale.steps}
        return {
            **self.train_state.variables(),
            "loss_scale": scale if self._scale.dynamic else {},
            "totals": self.totals,
            "left_out": self.skipped,
        }

    def step(self, batch: dict[str, tf.Tensor], inputs: StepInputs) -> tf.Tensor:
        """Updates the weights by one batch.

        Args:
            batch: As `training_batches` yields it.
            inputs: The other inputs.

        Returns:
            The sums of the signals.
        """
        return self._step(batch, inputs.tensors())

    def steps(
        self, batches: Sequence[dict[str, tf.Tensor]], inputs: Sequence[StepInputs]
    ) -> tf.Tensor:
        """Updates the weights by several batches, in one call of TensorFlow.

        The result is that of `step` for one after the other, to the bit.

        Args:
            batches: As `step` takes them; each number of them is compiled once.
            inputs: The other inputs of each step.

        Returns:
            The sums of the signals over all steps.
        """
        return self._steps(tuple(batches), stacked(inputs))

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Within the context the weights of the model are their averages, if any."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @tf.function
    def restart_averages(self) -> None:
        """Lets the averages be the weights, after these alone were replaced."""
        self._strategy.run(self.train_state.restart_averages)

    @tf.function
    def _step(
        self, batch: dict[str, tf.Tensor], inputs: dict[str, tf.Tensor]
    ) -> tf.Tensor:
        return self._one_step(batch, inputs)

    @tf.function
    def _steps(
        self, batches: tuple[dict[str, tf.Tensor], ...], inputs: dict[str, tf.Tensor]
    ) -> tf.Tensor:
        count = len(batches)
        together = self._strategy.run(_stack, (batches,))

        def step(index: tf.Tensor, signals: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            batch = self._strategy.run(_at, (together, index))
            with tf.device("CPU:0"):
                own = _at(inputs, index)
            of_step = self._one_step(batch, own)
            return index + 1, signals + of_step

        nothing = tf.zeros(inputs["signals"].shape[1:], tf.float64)
        _, signals = tf.while_loop(
            lambda index, signals: index < count,
            step,
            (tf.constant(0), nothing),
            parallel_iterations=1,
        )
        return signals

    def _one_step(
        self, batch: dict[str, tf.Tensor], inputs: dict[str, tf.Tensor]
    ) -> tf.Tensor:
        sums = self._strategy.run(self._replica_step, (batch, inputs))
        # They are summed already, so that all replicas have the same.
        sums, good, signals = self._strategy.experimental_local_results(sums)[0]
        self.totals.assign_add(tf.where(good, sums, tf.zeros_like(sums)))
        step = inputs["step"]
        count, first, _ = tf.unstack(self.skipped)
        bad = tf.stack([count + 1, tf.where(count == 0, step, first), step])
        self.skipped.assign(tf.where(good, self.skipped, bad))
        return signals

    def prepared(self, batch: dict[str, tf.Tensor], noise: Any = 1.0) -> tf.Tensor:
        """The input of the model for a batch: mean, noise, order, scale, and mixed."""
        pictures = self._noise(self._centre(batch["image"]), batch["noise"], noise)
        finished = self._finish(pictures)
        if not self._mixes:
            return finished
        return mixed(finished, Mix(batch["amount"], batch["box"]))

    @graph_that_stays()
    def _replica_step(
        self, batch: dict[str, tf.Tensor], inputs: dict[str, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        before = [each.read_value() for each in self.train_state.statistics]
        trained = self.train_state.trained
        *earlier, last = self._parts(batch)
        scores: list[tf.Tensor] = []
        gradients: list[tf.Tensor] = []
        for part in earlier:
            tape, loss, own = self._forward(part, inputs, gradients)
            scores.append(own)
            gradients = _added(gradients, tape.gradient(loss, trained))
        tape, loss, own = self._forward(last, inputs, gradients)
        # Replicas sum in the order in which this is written: what is known early first.
        own = tf.concat([sum(scores, own), inputs["signals"]], axis=0)
        (summed,) = self._summed([own])
        sums, signals = summed[:4], summed[4:]
        gradients = _added(gradients, tape.gradient(loss, trained))
        gradients = self._summed_gradients(gradients)
        if self._scale.dynamic:
            inverse = 1.0 / self._scale.scale.read_value()
            gradients = self._on_devices(lambda each: inverse * each, gradients)
        finite = _finite(self._on_devices(_sum, gradients))
        factor = None
        if self._config.clip_norm is not None:
            norm = tf.sqrt(2 * tf.add_n(self._on_devices(tf.nn.l2_loss, gradients)))
            factor = clipping_factor(norm, self._config.clip_norm)
            finite &= tf.math.is_finite(norm)  # squares may overflow before sums do
        finite_loss = tf.math.is_finite(sums[0])
        good = finite_loss & (finite | ~self._scale.exhausted())
        self._update_if(finite_loss & finite, gradients, factor, inputs, before)
        self._scale.adapt(finite)
        return sums, good, signals

    def _parts(self, batch: dict[str, tf.Tensor]) -> list[_Part]:
        """This replica's rows, in as many parts as their gradient is computed in."""
        count = self._config.accumulate
        if count == 1:
            return [_Part(0, batch)]
        rows = self._config.batch_size // self._replicas // count
        return [
            _Part(
                first,
                {name: each[first : first + rows] for name, each in batch.items()},
            )
            for first in range(0, count * rows, rows)
        ]

    def _forward(
        self, part: _Part, inputs: dict[str, tf.Tensor], before: list[tf.Tensor]
    ) -> tuple[tf.GradientTape, tf.Tensor, tf.Tensor]:
        """The tape, the loss and the scores of some rows, when `before` is computed.

        Else parts would be computed at the same time, and need the memory of all.
        """
        with tf.control_dependencies(before), tf.GradientTape() as tape:
            logits = self._logits(part, inputs)
            # If the towers have devices of their own, the logits stay on that of fc8.
            with self._on_logits_device():
                loss = self._loss(logits, part.batch)
                loss *= self._scale.scale.read_value()
        return tape, loss, self._loss.totals(logits, part.batch)

    def _logits(self, part: _Part, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        rows = self._config.batch_size // self._replicas
        first = replica * rows + part.first
        with dropout_at(Place(self._config.seed, inputs["step"], first)):
            logits = prepared_in_place(
                self.model, lambda: self.prepared(part.batch, inputs["noise"]), True
            )
        # Softmax and loss are in float32, whatever the layers compute in.
        return tf.cast(logits, tf.float32)

    def _summed(self, tensors: list[tf.Tensor]) -> list[tf.Tensor]:
        """The sums over all replicas, in packs from the last tensor to the first."""
        if self._replicas == 1 or not tensors:
            return tensors
        context = tf.distribute.get_replica_context()
        packs = tf.distribute.experimental.CommunicationOptions(bytes_per_pack=_PACK)
        return context.all_reduce(tf.distribute.ReduceOp.SUM, tensors, packs)

    def _summed_gradients(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        """The sums over all replicas, those after the convolutions by themselves.

        The dense layers have 96 % of the paper's weights, and their gradients are known
        before that of any convolution: they are summed while those are computed.
        """
        layers = [layer for layer, _ in self.train_state.names]
        pairs = zip(layers, gradients, strict=True)
        # Kernels of convolutions have four axes, and come before all dense layers.
        kernels = [layer for layer, each in pairs if len(each.shape) == 4]
        end = len(layers) - layers[::-1].index(kernels[-1]) if kernels else 0
        dense = self._summed(gradients[end:])
        return [*self._summed(gradients[:end]), *dense]

    def _on_logits_device(self) -> contextlib.AbstractContextManager:
        """The device of fc8, if the towers have devices of their own."""
        if not self._config.tower_devices:
            return contextlib.nullcontext()
        return tf.device(self.train_state.logits_device)

    def _on_devices(
        self, function: Callable[[tf.Tensor], tf.Tensor], gradients: list[tf.Tensor]
    ) -> list[tf.Tensor]:
        """Applies a function to each gradient, on the device of its variable."""
        results = []
        for gradient, variable in zip(gradients, self.train_state.trained, strict=True):
            with tf.device(variable.device):
                results.append(function(gradient))
        return results

    def _update_if(
        self,
        good: tf.Tensor,
        gradients: list[tf.Tensor],
        factor: tf.Tensor | None,
        inputs: dict[str, tf.Tensor],
        before: list[tf.Tensor],
    ) -> None:
        """Updates the weights; a batch that is not good changes nothing.

        Args:
            good: Whether loss and gradients are finite, a boolean scalar.
            gradients: Of the trained variables.
            factor: What they are multiplied by; 1 if None.
            inputs: Of the step.
            before: The running statistics before the forward pass.
        """
        state, statistics = self.train_state, self.train_state.statistics
        how = gradients, inputs["rates"], inputs["average_momentum"], factor

        def undo() -> tf.Tensor:
            for variable, value in zip(statistics, before, strict=True):
                assign(variable, value)
            return tf.constant(False)

        if state.branches:
            tf.cond(good, lambda: state.update(*how), undo)
            return
        state.update(*how, good)
        for variable, value in zip(statistics, before, strict=True):
            assign(variable, tf.where(good, variable.read_value(), value))

    @tf.function
    def _swap(self) -> None:
        self._strategy.run(self.train_state.swap_averages)


def _stack(batches: tuple[dict[str, tf.Tensor], ...]) -> dict[str, tf.Tensor]:
    return tf.nest.map_structure(lambda *each: tf.stack(each), *batches)


def _at(stack: dict[str, tf.Tensor], index: tf.Tensor) -> dict[str, tf.Tensor]:
    return {name: each[index] for name, each in stack.items()}


def _added(sums: list[tf.Tensor], values: list[tf.Tensor]) -> list[tf.Tensor]:
    """The values, added to the sums so far, if there are any."""
    if not sums:
        return values
    return [one + other for one, other in zip(sums, values, strict=True)]


def _sum(gradient: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.reduce_sum(unwidened(gradient)), tf.float32)


def _finite(sums: list[tf.Tensor]) -> tf.Tensor:
    """Whether all values are finite; sums are cheaper to check than each value."""
    return tf.math.is_finite(tf.add_n(sums))
