"""Every setting of a training run, written once: the flags are made from it."""

from __future__ import annotations

import dataclasses

from keras_alexnet import architectures, initializations
from keras_alexnet.data.batches import CROPS
from keras_alexnet.data.colour import FORMS
from keras_alexnet.data.division import VAL_SHARE
from keras_alexnet.data.erasing import SMALLEST, Erasing
from keras_alexnet.data.mixing import Mixing
from keras_alexnet.data.opening import GRAMMAR, open_source
from keras_alexnet.data.rand_augment import STRONGEST, RandAugment
from keras_alexnet.data.sources import Source
from keras_alexnet.settings import Settings, setting
from keras_alexnet.training import addons, nonfinite, updates
from keras_alexnet.training.devices import STRATEGIES
from keras_alexnet.training.kept_weights import BOTH, KEEPS
from keras_alexnet.training.profiling import profile_window
from keras_alexnet.training.schedules import SCHEDULES, LayerRates, whole_epochs
from keras_alexnet.training.workers.strategy import COLLECTIVES
from keras_alexnet.weights.runs import BEST

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclasses.dataclass(frozen=True)
class TrainingConfig(Settings):
    """The settings of a training run.

    Each field is a flag of `scripts/train.py`; its help says what it is. Numbers of
    NumPy and TensorFlow are taken too.

    Raises:
        ValueError: If a setting is out of range.

    Example:

    >>> TrainingConfig(data="shapes", image_size=96, epochs=2).batch_size
    128
    """

    # ---- Data and pictures ----

    data: str = setting(
        "shapes",
        f"{GRAMMAR}; by command it must be given for a new run.",
        defines_run=False,
    )
    data_dir: str | None = setting(
        None,
        "Where tensorflow-datasets keeps its data; its own default if not given.",
        path=True,
        defines_run=False,
    )
    manual_dir: str | None = setting(
        None,
        "Where tensorflow-datasets finds what was downloaded by hand.",
        path=True,
        defines_run=False,
    )
    val_share: float = setting(
        VAL_SHARE,
        "Which part of each class validates, in a folder where no pictures are kept "
        "apart for that; 0 to train without validation on any data.",
    )
    image_size: int | None = setting(
        None,
        "Side of the crops that the network sees; that of --init_from, or 224, if not "
        "given.",
    )
    crop: str = setting(
        "paper",
        "How crops are cut: at a random position of the scaled picture, a random "
        "window of any size and shape, resized, or at the centre, where validation "
        "cuts.",
        choices=CROPS,
    )
    crop_area: float = setting(
        0.25, "Smallest part of the picture's area that --crop=resized cuts."
    )
    crop_chunk: int = setting(
        1,
        "How many successive pictures have the same crop and mirroring; 32 in the "
        "source.",
    )
    mirror: bool = setting(
        True, "Mirror half of the training pictures, chosen at random."
    )
    colour_noise: str = setting(
        "paper", "Form of the noise along the colour components.", choices=FORMS
    )
    colour_noise_strength: float = setting(0.1, "Strength of the colour noise.")
    colour_noise_epochs: int | None = setting(
        None, "After how many epochs the colour noise stops; never if not given."
    )

    rand_augment: int = setting(
        0,
        "How many random operations on colour and shape change each training picture; "
        "0 for none.",
    )
    rand_augment_strength: float = setting(
        9.0, "Strength of these operations, from 0 to 30."
    )
    erasing: float = setting(
        0.0,
        "Fraction of the training pictures of which a random rectangle is replaced by "
        "noise.",
    )
    erasing_area: float = setting(
        0.4, "Largest part of a picture's area that --erasing replaces; 0.02 at least."
    )
    mixup: float = setting(
        0.0,
        "Mix pictures and their labels in pairs, by weights from Beta(mixup, mixup); 0 "
        "for none.",
    )
    cutmix: float = setting(
        0.0,
        "Replace a box of a picture by that of another, and as much of its label: by "
        "weights from Beta(cutmix, cutmix); 0 for none.",
    )
    mixed: float = setting(
        1.0,
        "Fraction of the training pictures that --mixup and --cutmix mix; with both, "
        "each mixes half of these.",
    )

    # ---- Network ----

    variant: str | None = setting(
        None,
        "Which AlexNet to train; that of --init_from, or paper, if not given.",
        choices=architectures.names(),
    )
    architecture: str | None = setting(
        None,
        "JSON file of a network that is none of these, in place of --variant; see "
        "architectures.to_json.",
        path=True,
        # A run keeps the architecture itself, and compares that.
        defines_run=False,
    )
    initialization: str = setting(
        "default", "Starting values of the weights.", choices=initializations.names()
    )
    initial_bias: float | None = setting(
        None,
        "Starting value of those biases that the paper starts at 1; that of "
        "--initialization if not given.",
    )
    initial_stddev: float | None = setting(
        None,
        "One standard deviation of all starting weights; those of --initialization if "
        "not given.",
    )
    init_from: str | None = setting(
        None,
        "Weights to begin with, with their network, size and recipe unless given: a "
        "run, one of its checkpoints, a file, or the name of published ones.",
    )
    init_layers: str = setting(
        "",
        "Which layers to take from --init_from, with commas between; if not given, "
        "conv1 and all others that fit.",
    )
    precision: str = setting(
        "float32", "What the layers compute in.", choices=PRECISIONS
    )

    # ---- Batches and rates ----

    batch_size: int = setting(128, "Pictures in a step, over all devices together.")
    accumulate: int = setting(
        1,
        "In how many parts the gradient of a batch is computed, one after the other, "
        "for less memory.",
    )
    epochs: int = setting(
        90,
        "Number of epochs; each ends with an evaluation. A run may be given more.",
        # What a run has done is kept by its course.
        defines_run=False,
    )
    steps_per_epoch: int | None = setting(
        None, "Steps of an epoch; one pass over the data by default."
    )
    target_top1: float | None = setting(
        None,
        "Top-1 on the training pictures, as an epoch's line shows it, that ends the "
        "run; it trains all epochs if not given.",
    )
    learning_rate: float = setting(0.01, "Highest learning rate of the weights.")
    rate_batch_size: int | None = setting(
        None,
        "Batch that --learning_rate is meant for: the rate is scaled by --batch_size "
        "over it. Not scaled if not given.",
    )
    schedule: str = setting(
        "constant", "How the learning rate changes over the run.", choices=SCHEDULES
    )
    warmup_steps: int = setting(0, "Steps of linear rise to the learning rate.")
    warmup: float = setting(
        0.0,
        "The same rise as a fraction of all steps, in place of --warmup_steps; 0 for "
        "none.",
    )
    step_epochs: str = setting(
        "", "With --schedule=step: after which epochs the rate drops, as in 25,51,79."
    )
    patience: int = setting(
        5, "With --schedule=plateau: epochs without a lower validation error."
    )
    layer_rates: str = setting(
        "",
        "Factors of the learning rates of single layers, from the beginning or after "
        "an epoch, as in fc8=10,conv1=0.1@67,conv1=0@72.",
    )

    # ---- Update rule ----

    update_rule: str = setting(
        "paper_sgd",
        "How gradients change the weights.",
        choices=(*updates.RULES, addons.RULE),
    )
    momentum: float = setting(0.9, "Fraction of the last step that a step keeps.")
    weight_decay: float = setting(
        0.0005, "Decay of weights, not of biases, in the form of the update rule."
    )
    bias_rate: float = setting(
        2.0, "Learning rate of biases, as a multiple of that of weights."
    )
    bias_learning_rate: float | None = setting(
        None, "A constant learning rate of biases, in place of --bias_rate."
    )
    clip_norm: float | None = setting(
        None,
        "Largest norm of the gradient of all weights together: a longer one is scaled "
        "to it. Not clipped if not given.",
    )
    freeze: str = setting(
        "",
        "Layers that are not trained, with commas between, as in conv1,conv2: with a "
        "convolution its batch normalisation too.",
    )
    label_smoothing: float = setting(
        0.0, "Fraction of the target that is spread evenly over the classes."
    )
    average: str = setting(
        "none",
        "Which average of the weights is evaluated.",
        choices=(*updates.AVERAGES, addons.AVERAGE),
    )
    average_momentum: float = setting(
        0.999, "Fraction of itself that the average keeps in a step."
    )
    average_window: float = setting(
        0.0,
        "Fraction of all steps that the average reaches back, in place of "
        "--average_momentum; 0 for none.",
    )

    # ---- Running ----

    strategy: str = setting(
        "auto",
        "How several devices or machines divide a batch.",
        choices=STRATEGIES,
        defines_run=False,
    )
    devices: str = setting(
        "",
        "The devices, as in GPU:0,GPU:1; all GPUs, or one CPU, if not given.",
        defines_run=False,
    )
    collectives: str = setting(
        "auto",
        "What sums gradients over several machines: NCCL, TensorFlow's ring, or NCCL "
        "where they have GPUs.",
        choices=COLLECTIVES,
        defines_run=False,
    )
    tower_devices: str = setting(
        "",
        "A device for each tower of the network, as in GPU:0,GPU:1; all towers on one "
        "if not given. Not together with --strategy=mirrored.",
        defines_run=False,
    )
    seed: int = setting(
        0,
        "Seed of the initial weights, order, crops, noise and dropout, and of the "
        "division of a folder.",
    )
    deterministic: bool = setting(
        False, "Let TensorFlow use only ops that give the same bits every time."
    )
    model_dir: str = setting(
        "runs/alexnet",
        "Directory of the run, for all that it writes.",
        path=True,
        defines_run=False,
    )
    export_dir: str | None = setting(
        None,
        "Where to export the trained model; not exported if not given.",
        path=True,
        defines_run=False,
    )
    steps_per_call: int = setting(
        1,
        "Steps that one call of TensorFlow takes: more save time between short steps, "
        "and change no result.",
        defines_run=False,
    )
    checkpoint_minutes: float = setting(
        10.0,
        "Minutes between checkpoints; there is one at the end of each epoch too.",
        defines_run=False,
    )
    checkpoint_steps: int | None = setting(
        None,
        "Steps between checkpoints, besides those; none if not given.",
        defines_run=False,
    )
    keep: str = setting(
        BOTH,
        "Whose weights a run keeps: those of its best epoch, by the error on the "
        "validation pictures, of its last, or both.",
        choices=KEEPS,
        defines_run=False,
    )
    keep_optimizer: bool = setting(
        False,
        "Keep momentum and averages when the run ends, so that more --epochs "
        "continue it exactly.",
        defines_run=False,
    )
    on_nonfinite: str = setting(
        "stop",
        "What to do when loss or gradient is not finite: end the run, or skip the "
        "batch.",
        choices=nonfinite.CHOICES,
        defines_run=False,
    )
    nonfinite_limit: int = setting(
        10,
        "How many batches --on_nonfinite=skip skips before the run ends.",
        defines_run=False,
    )
    profile_steps: str = setting(
        "",
        "First and last step of a profile for TensorBoard, as in 20,30.",
        defines_run=False,
    )
    pictures: bool = setting(
        True,
        "Draw curves, confusions and the first kernels when the run ends.",
        defines_run=False,
    )
    report: bool = setting(
        False,
        "Look into the network when the run ends: a page of figures and numbers in "
        "RUN/report.",
        defines_run=False,
    )
    dry_run: bool = setting(
        False, "Print what would be done, and stop.", defines_run=False
    )

    def check(self) -> None:
        """Raises ValueError for values out of range, or that do not fit together."""
        self._check_texts()
        self._check_pictures()
        self._check_network()
        self._check_rates()
        self._check_running()
        self._check_addons()

    @property
    def mixing(self) -> Mixing | None:
        """How training pictures are mixed; None if they are not."""
        mixes = self.mixed and (self.mixup or self.cutmix)
        return Mixing(self.mixup, self.cutmix, self.mixed) if mixes else None

    @property
    def operations(self) -> RandAugment | None:
        """The operations that change training pictures; None if there are none."""
        if not self.rand_augment:
            return None
        return RandAugment(self.rand_augment, self.rand_augment_strength)

    @property
    def erases(self) -> Erasing | None:
        """What is erased of training pictures; None if nothing is."""
        return Erasing(self.erasing, self.erasing_area) if self.erasing else None

    @property
    def rate_scale(self) -> float:
        """Factor of the learning rates: `batch_size` over `rate_batch_size`."""
        return self.batch_size / (self.rate_batch_size or self.batch_size)

    def open_data(self) -> Source:
        """The data, divided as the settings say."""
        return open_source(
            self.data,
            self.data_dir,
            self.manual_dir,
            val_share=self.val_share,
            seed=self.seed,
        )

    def as_flags(self) -> str:
        """The configuration as the text of a flagfile, defaults included."""
        lines = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool):
                lines.append(f"--{field.name}={str(value).lower()}")
            elif value is not None:
                lines.append(f"--{field.name}={value}")
        return "\n".join(lines) + "\n"

    def _check_texts(self) -> None:
        """Refuses what a line of a flagfile cannot hold, or TensorFlow cannot name."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, str):
                expected = "one line of UTF-8, without spaces around it"
                self.require(field.name, _is_line(value), expected)

    def _check_pictures(self) -> None:
        self.require("data", self.data != "", "a name, not empty")
        self.below_one("val_share")
        self.at_least(1, "image_size", "crop_chunk")
        self.at_least(0, "colour_noise_strength", "colour_noise_epochs")
        self.require("crop_area", 0 < self.crop_area <= 1, "above 0, and 1 at most")
        self.at_least(0, "mixup", "cutmix", "rand_augment")
        for name in ("mixed", "erasing"):
            self.require(name, 0 <= getattr(self, name) <= 1, "from 0 to 1")
        strength = 0 <= self.rand_augment_strength <= STRONGEST
        self.require("rand_augment_strength", strength, f"from 0 to {STRONGEST:g}")
        area = SMALLEST <= self.erasing_area <= 1
        self.require("erasing_area", area, f"from {SMALLEST} to 1")
        pairs = self.batch_size % 2 == 0 or self.mixing is None
        self.require("batch_size", pairs, "even with mixup or cutmix")

    def _check_network(self) -> None:
        self.require("init_from", self.init_from != "", "a name, not empty")
        self.above_zero("initial_stddev")
        alone = bool(self.init_layers) and self.init_from is None
        self.require("init_layers", not alone, "given with --init_from")

    def _check_rates(self) -> None:
        self.at_least(1, "batch_size", "epochs", "steps_per_epoch", "patience")
        self.at_least(1, "rate_batch_size", "accumulate")
        parts = self.batch_size % self.accumulate == 0
        self.require("accumulate", parts, f"a divisor of batch_size={self.batch_size}")
        self.above_zero("learning_rate", "bias_learning_rate", "clip_norm")
        self.at_least(0, "warmup_steps", "weight_decay", "bias_rate")
        self.below_one("momentum", "label_smoothing", "average_momentum")
        reachable = self.target_top1 is None or 0 < self.target_top1 <= 1
        self.require("target_top1", reachable, "above 0, and 1 at most")
        self.below_one("warmup", "average_window")
        counted = bool(self.warmup_steps)
        self.require("warmup", not (self.warmup and counted), "0 with warmup_steps")
        own = self.average_momentum != type(self).average_momentum
        expected = "0 with an average_momentum"
        self.require("average_window", not (self.average_window and own), expected)
        blind = self.schedule == "plateau" and not self.val_share
        expected = "another schedule with val_share=0: it needs validation errors"
        self.require("schedule", not blind, expected)
        expected = "given with --schedule=step, and only then"
        stepped = self.schedule == "step"
        self.require("step_epochs", bool(self.step_epochs) == stepped, expected)
        whole_epochs(self.step_epochs)
        LayerRates(self.layer_rates)

    def _check_running(self) -> None:
        blind = self.keep == BEST and not self.val_share
        expected = "last or both with val_share=0: no epoch is the best"
        self.require("keep", not blind, expected)
        self.at_least(1, "steps_per_call", "checkpoint_steps", "nonfinite_limit")
        self.above_zero("checkpoint_minutes")
        for name in ("model_dir", "export_dir"):
            self.require(name, getattr(self, name) != "", "a name, not empty")
        self.require("seed", 0 <= self.seed < 2**31, "0 or more, and below 2**31")
        profile_window(self.profile_steps)
        last = self.keep != BEST or not self.keep_optimizer
        self.require("keep_optimizer", last, "False with --keep=best")

    def _check_addons(self) -> None:
        """tensorflow-addons supports less than the update rules of the trainer."""
        if self.update_rule != addons.RULE:
            theirs = self.average == addons.AVERAGE
            self.require("update_rule", not theirs, f"{addons.RULE} for that average")
            return
        for name, holds, expected in (
            ("layer_rates", not self.layer_rates, "empty"),
            ("bias_rate", self.bias_rate == 1, "1"),
            ("bias_learning_rate", self.bias_learning_rate is None, "omitted"),
            ("on_nonfinite", self.on_nonfinite == "stop", "stop"),
            # mixed_float16 skips the steps that overflow.
            (
                "precision",
                self.precision != "mixed_float16",
                "float32 or mixed_bfloat16",
            ),
            ("average", self.average != "moving_average", f"none or {addons.AVERAGE}"),
            ("average_window", not self.average_window, "0"),
        ):
            self.require(name, holds, f"{expected} for update_rule={addons.RULE}")


def _is_line(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # bytes of a file name that are not UTF-8
        return False
    return text.splitlines() in ([], [text]) and text == text.strip()
