"""Training: configuration, update rule, schedules, trainer, checkpoints."""

from keras_alexnet.optimizers import PaperSGD
from keras_alexnet.training.config import TrainingConfig
from keras_alexnet.training.trainer import Result, Trainer

__all__ = ["PaperSGD", "Result", "Trainer", "TrainingConfig"]
