"""`anatomy`: a network layer by layer, as a table, as JSON and as a drawing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from keras_alexnet import architectures, files
from keras_alexnet.architectures.anatomy import Anatomy, anatomy
from keras_alexnet.commands.running import no_arguments
from keras_alexnet.reasons import printable
from keras_alexnet.settings import Settings, setting

WRITES = False


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """The flags of `anatomy`."""

    variant: str = setting(
        "paper", "Which AlexNet to show.", choices=architectures.names()
    )
    architecture: str | None = setting(
        None,
        "JSON file of a network that is none of these, in place of --variant; see "
        "architectures.to_json.",
        path=True,
    )
    image_size: int | None = setting(
        None, "Side of the pictures; the variant's own by default."
    )
    classes: int = setting(1000, "Number of classes.")
    batch_size: int = setting(128, "Pictures in a step of training, for the memory.")
    json: bool = setting(False, "Print a JSON object in place of the table.")
    svg: str | None = setting(None, "File to write a drawing to.", path=True)

    def check(self) -> None:
        """Raises ValueError for values out of range, or that do not fit together."""
        self.at_least(1, "classes", "batch_size")
        self.require("svg", self.svg != "", "the name of a file")
        if self.architecture is not None and self.variant != "paper":
            raise ValueError(
                "either --architecture or --variant must be given, not both. Received: "
                f"--architecture={self.architecture}, --variant={self.variant}"
            )

    def anatomy(self) -> Anatomy:
        """The anatomy of the network that was named."""
        network = architectures.get(self.variant)
        if self.architecture is not None:
            network = architectures.read_json(self.architecture)
        return anatomy(
            network, self.image_size, classes=self.classes, batch_size=self.batch_size
        )


def main(config: Config, rest: list[str]) -> None:
    """Prints the table or the JSON object, and writes the drawing."""
    no_arguments(rest)
    shown = config.anatomy()
    if config.svg is not None:
        files.write_text(Path(config.svg), shown.to_svg())
    if config.json:
        print(shown.to_json(), end="")
    else:  # a name from a file is shown as it is
        print("\n".join(map(printable, str(shown).split("\n"))))
