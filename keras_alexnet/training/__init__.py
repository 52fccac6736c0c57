"""Training: configuration, update rule, schedules, trainer, checkpoints."""

from keras_alexnet.training.config import TrainingConfig
from keras_alexnet.training.trainer import Result, Trainer
from keras_alexnet.training.update_rules import PaperSGD

__all__ = ["PaperSGD", "Result", "Trainer", "TrainingConfig"]
