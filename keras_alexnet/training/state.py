"""The model of a run with its update rule: all variables that training changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_alexnet.fine_tuning import freeze
from keras_alexnet.models import build
from keras_alexnet.optimizers import WITHOUT_DECAY, assign
from keras_alexnet.reasons import must_be
from keras_alexnet.training import addons
from keras_alexnet.training.config import TrainingConfig
from keras_alexnet.training.devices import tower_names
from keras_alexnet.training.network import Network
from keras_alexnet.training.updates import AVERAGES, RULES, MovingAverage
from keras_alexnet.two_towers import PackedForm, packed_names
from keras_alexnet.weights.names import named_weights, tensorflow_variable


class TrainState:
    """A model, its update rule and its averages. Make it in the scope of the strategy.

    Args:
        network: What the run trains.
        classes: Number of classes.

    Raises:
        ValueError: If `freeze` names a layer that there is not, or leaves none to
            train.
    """

    def __init__(self, network: Network, classes: int) -> None:
        config = network.config
        self.model = _model(network, classes)
        frozen = freeze(self.model, config.freeze) if config.freeze else []
        weights = named_weights(self.model)
        ids = {id(tensorflow_variable(v)) for v in self.model.trainable_variables}
        each = [
            (layer, name, variable)
            for layer, named in weights.items()
            for name, variable in named.items()
        ]
        trained = [entry for entry in each if id(entry[2]) in ids]
        if not trained:
            raise must_be("freeze", "of some layers, not of all", config.freeze)
        # `(layer, weight)` of each trained variable, as ("conv1", "kernel"); in a model
        # with its towers on devices of their own, ("conv1b", "kernel") too.
        self._own_names = [(layer, name) for layer, name, _ in trained]
        packed = packed_names(self.model)
        self.names = [(packed[layer], name) for layer, name in self._own_names]
        self.trained = [variable for _, _, variable in trained]
        # Batch normalisation's running means and variances.
        self.statistics = [
            variable
            for layer, _, variable in each
            if id(variable) not in ids and layer not in frozen
        ]
        # Where the last layer is, if the towers have devices of their own.
        (last,) = (v for layer, name, v in each if (layer, name) == ("fc8", "kernel"))
        self.logits_device = last.device
        self._rule, self._average = _rule(config, self.names, self.trained)
        averages = self._named(self._average.averages) if self._average else {}
        self._weights = PackedForm(self.model, weights)
        self._averages = PackedForm(self.model, averages)
        self._slots = {
            name: PackedForm(self.model, self._named(slot))
            for name, slot in self._rule.slots.items()
        }

    def update(
        self,
        gradients: Sequence[tf.Tensor],
        rates: tf.Tensor,
        average_momentum: tf.Tensor,
        factor: tf.Tensor | None = None,
        good: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Changes the weights by gradients times `factor`; called in each replica.

        With `good`, a boolean scalar, nothing changes where that is false.
        """
        gate = {} if good is None else {"good": good}
        self._rule.apply(gradients, rates, factor=factor, **gate)
        if isinstance(self._average, MovingAverage):
            count = self._rule.iterations.read_value()
            self._average.apply(count, average_momentum, **gate)
        return tf.constant(True)

    @property
    def branches(self) -> bool:
        """Whether an update that may be skipped has to be a branch of the graph.

        A branch on a GPU's values makes the host wait for them, and so for the step; on
        a CPU it saves a pass over the weights.
        """
        on_gpu = any("GPU" in variable.device for variable in self.trained)
        return isinstance(self._rule, addons.AddonsUpdate) or not on_gpu

    def swap_averages(self) -> None:
        """Exchanges the weights and their averages; called in each replica."""
        averages = self._average.averages if self._average else []
        for variable, average in zip(self.trained, averages, strict=False):
            kept = variable.read_value()
            assign(variable, average.read_value())
            assign(average, kept)

    def restart_averages(self) -> None:
        """Lets each average be its weight; called in each replica."""
        averages = self._average.averages if self._average else []
        for variable, average in zip(self.trained, averages, strict=False):
            assign(average, variable.read_value())

    def variables(self) -> dict[str, Any]:
        """The variables by names that do not depend on Keras or on devices."""
        slots = {name: form.variables for name, form in self._slots.items()}
        return {
            "model": self._weights.variables,
            "optimizer": {"iterations": self._rule.iterations, **slots},
            "average": self._averages.variables,
        }

    def gather(self) -> None:
        """Copies the towers' values to `variables()`, to write a checkpoint."""
        for form in (self._weights, self._averages, *self._slots.values()):
            form.gather()

    def scatter(self) -> None:
        """Copies `variables()` to the towers' values, after a checkpoint was read."""
        for form in (self._weights, self._averages, *self._slots.values()):
            form.scatter()

    def _named(self, variables: Sequence[tf.Variable]) -> dict[str, dict[str, Any]]:
        named: dict[str, dict[str, Any]] = {}
        for (layer, name), variable in zip(self._own_names, variables, strict=True):
            named.setdefault(layer, {})[name] = variable
        return named


def _model(network: Network, classes: int) -> keras.Model:
    config = network.config
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(config.precision)
    try:
        return build(
            network.architecture,
            input_shape=(network.image_size, network.image_size, 3),
            classes=classes,
            classifier_activation=None,
            initialization=config.initialization,
            initial_bias=config.initial_bias,
            initial_stddev=config.initial_stddev,
            seed=config.seed,
            devices=tower_names(config.tower_devices),
        )
    finally:
        keras.mixed_precision.set_global_policy(before)


def _rule(
    config: TrainingConfig,
    names: Sequence[tuple[str, str]],
    variables: Sequence[tf.Variable],
) -> tuple[Any, Any]:
    """The update rule, and what keeps the moving average."""
    momentum = config.momentum
    decays = [
        0.0 if name in WITHOUT_DECAY else config.weight_decay for _, name in names
    ]
    if config.update_rule == addons.RULE:
        averaged = config.average == addons.AVERAGE
        theirs = addons.AddonsUpdate(
            variables, decays, momentum, config.average_momentum if averaged else None
        )
        return theirs, theirs if averaged else None
    rule = RULES[config.update_rule](variables, decays, momentum)
    averaging = AVERAGES[config.average]
    return rule, averaging(variables) if averaging else None
