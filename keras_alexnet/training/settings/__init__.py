"""The settings of a run, by what they are about; `TrainingConfig` is all of them."""

from keras_alexnet.training.settings.network import NetworkSettings
from keras_alexnet.training.settings.pictures import PictureSettings
from keras_alexnet.training.settings.recipe import RecipeSettings
from keras_alexnet.training.settings.running import RunningSettings

__all__ = ["NetworkSettings", "PictureSettings", "RecipeSettings", "RunningSettings"]
