"""Settings of the data and of what the network sees of them."""

from __future__ import annotations

import dataclasses

from keras_alexnet.data.batches import CROPS
from keras_alexnet.data.colour import FORMS
from keras_alexnet.data.opening import GRAMMAR
from keras_alexnet.training.settings.checks import Settings, setting


@dataclasses.dataclass(frozen=True)
class PictureSettings(Settings):
    """Which pictures, and which views of them."""

    data: str = setting("shapes", f"{GRAMMAR}.")
    data_dir: str | None = setting(
        None,
        "Where tensorflow-datasets keeps its data; its own default if not given.",
        path=True,
    )
    manual_dir: str | None = setting(
        None, "Where tensorflow-datasets finds what was downloaded by hand.", path=True
    )
    image_size: int = setting(224, "Side of the crops that the network sees.")
    crop: str = setting(
        "paper",
        "How crops are cut: at a random place of the scaled picture, or a random "
        "window of any size and shape, resized.",
        choices=CROPS,
    )
    crop_area: float = setting(
        0.25, "Smallest share of the picture that --crop=resized cuts."
    )
    crop_chunk: int = setting(
        1, "How many successive pictures share crop and mirroring; 32 in the source."
    )
    colour_noise: str = setting(
        "paper", "Form of the noise along the colour components.", choices=FORMS
    )
    colour_noise_strength: float = setting(0.1, "Strength of the colour noise.")
    colour_noise_epochs: int | None = setting(
        None, "After how many epochs the colour noise stops; never if not given."
    )

    def check(self) -> None:
        super().check()
        self.at_least_one("image_size", "crop_chunk")
        self.not_negative("colour_noise_strength")
        self.require("data", self.data != "", "a name, not empty")
        self.require("crop_area", 0 < self.crop_area <= 1, "above 0, and 1 at most")
        epochs = self.colour_noise_epochs
        self.require("colour_noise_epochs", epochs is None or epochs >= 0, "0 or more")
