"""`evaluate`: loss, right answers and errors on validation pictures."""

from __future__ import annotations

import dataclasses

from keras_alexnet.commands.flags import option
from keras_alexnet.commands.opening import ModelOptions
from keras_alexnet.commands.running import no_arguments
from keras_alexnet.data import Source, open_source
from keras_alexnet.data.opening import GRAMMAR
from keras_alexnet.evaluation import Member, judge, judge_export

WRITES = False
_FIELDS = ModelOptions.__dataclass_fields__


def _help(name: str) -> str:
    return _FIELDS[name].metadata["help"]


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of `evaluate`."""

    model: tuple[str, ...] = option(
        (), f"{_help('model')} Several are judged together, too.", path=True
    )
    model_dir: str | None = option(None, _help("model_dir"), path=True)
    variant: str | None = option(None, _help("variant"))
    image_size: int | None = option(None, _help("image_size"))
    class_names: str | None = option(None, _help("class_names"), path=True)
    preprocessing: str | None = option(None, _help("preprocessing"))
    data: str = option("shapes", f"{GRAMMAR}.")
    data_dir: str | None = option(
        None, "Where tensorflow-datasets keeps its data.", path=True
    )
    manual_dir: str | None = option(
        None, "Where tensorflow-datasets finds what was downloaded by hand.", path=True
    )
    split: str | None = option(
        None,
        "Which of the data's pictures, as in test; by default those for validation.",
    )
    batch_size: int = option(64, "Pictures at a time.")
    views: int = option(1, "1, the centre, or 10: corners, centre and their mirrors.")

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(
                f"batch_size must be at least 1. Received: batch_size={self.batch_size}"
            )
        if self.views not in (1, 10):
            raise ValueError(f"views must be 1 or 10. Received: views={self.views}")

    def options(self) -> list[ModelOptions]:
        """The flags of each model; of none, those that say so."""
        shared = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(ModelOptions)
            if field.name != "model"
        }
        return [ModelOptions(model=each, **shared) for each in self.model or (None,)]


def main(config: Config, rest: list[str]) -> None:
    """Prints the scores."""
    no_arguments(rest)
    classifiers = [options.open() for options in config.options()]
    source = open_source(
        config.data,
        config.data_dir,
        config.manual_dir,
        split=config.split,
        training=False,
    )
    if len(classifiers) == 1 and classifiers[0].is_export:
        _check_views(config)
        print(judge_export(classifiers[0], source, config.batch_size).line())
        return
    members = [Member.of(each, source) for each in classifiers]
    for line in _notes(members, source):
        print(line)
    for judged in judge(members, source, config.batch_size, config.views):
        print(judged.line(len(members)))


def _check_views(config: Config) -> None:
    if config.views != 1:
        raise ValueError(
            "--views must be 1 for an export, which cuts its own views. "
            f"Received: --views={config.views} with {config.model or config.model_dir}"
        )


def _notes(members: list[Member], source: Source) -> list[str]:
    known, outputs = len(source.class_names), len(members[0].outputs)
    if known >= outputs:
        return []
    return [
        f"the data have {known} of the model's {outputs} classes; the other "
        f"{outputs - known} still compete"
    ]
