"""What a run draws when it ends, or a finished one that lacks it: pictures, a report.

Whatever goes wrong here is a line, never an error: the run is good without them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from keras_alexnet.data import Source
from keras_alexnet.evaluation import Confusion, Evaluator
from keras_alexnet.models import AlexNet
from keras_alexnet.reasons import reason
from keras_alexnet.training.config import TrainingConfig
from keras_alexnet.training.run_directory import RunDirectory
from keras_alexnet.weights import runs

_MISSING = (
    "pictures need matplotlib, which is not installed: pip install "
    "'keras-alexnet[seeing]'; the same command then draws them"
)
Say = Callable[[str], object]


def draw(run: Path, say: Say, names: Sequence[str] = runs.PICTURES) -> bool:
    """Draws pictures of a run that has ended.

    Args:
        run: Its directory.
        say: Shows a line about what could not be drawn.
        names: Which of `runs.PICTURES` to draw.

    Returns:
        Whether all were drawn.
    """
    if find_spec("matplotlib") is None:
        say(_MISSING)
        return False
    try:
        with warnings.catch_warnings():
            # matplotlib's older versions use names that newer pyparsing warns of.
            warnings.simplefilter("ignore")
            # Here, since no run needs matplotlib before its end.
            from keras_alexnet.seeing import run_pictures
        faults = run_pictures.draw(run, names)
    except Exception as error:  # such as an installation of matplotlib that is broken
        faults = [f"no pictures were drawn: {reason(error)}"]
    for fault in faults:
        say(fault)
    return not faults


def complete(run: RunDirectory, config: TrainingConfig, say: Say) -> bool:
    """Draws those pictures of a finished run that are missing.

    The run of an earlier version, which did not count what was confused, is evaluated
    again.

    Args:
        run: Its directory.
        config: Its settings, with the data.
        say: Shows a line about what could not be drawn.

    Returns:
        Whether pictures were missing, and are there now.
    """
    missing = [each for each in runs.PICTURES if not (run.path / each).is_file()]
    if not missing or not config.pictures:
        return False
    if find_spec("matplotlib") is None:
        say(_MISSING)
        return False
    counted = (run.path / runs.CONFUSION).is_file()
    if runs.CONFUSION_PICTURE in missing and not counted:
        try:
            with run.locked():
                _count(run, config)
        except Exception as error:  # the data have gone, or the directory is read-only
            say(f"{runs.CONFUSION} was not written: {reason(error)}")
            missing.remove(runs.CONFUSION_PICTURE)
    return bool(missing) and draw(run.path, say, missing)


def report(
    run: Path,
    source: Source,
    say: Say,
    watch: Callable[[int, int], object] | None = None,
) -> bool:
    """Makes the report of a run that has ended, in its directory.

    Args:
        run: Its directory.
        source: Its data.
        say: Shows a line about why there is none.
        watch: Called with how much is done and how much there is, in pictures.

    Returns:
        Whether it was made.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as for `draw`
            from keras_alexnet.seeing import look

            look(run, run / runs.REPORT, source, watch=watch)
    except Exception as error:  # whatever it is, the run itself is good
        say(f"no report was made: {reason(error)}")
        return False
    return True


def complete_report(run: RunDirectory, config: TrainingConfig, say: Say) -> bool:
    """Makes the report of a finished run, if it is wanted and missing.

    Args:
        run: Its directory.
        config: Its settings, with the data.
        say: Shows a line about why there is none.

    Returns:
        Whether it was missing, and is there now.
    """
    if not config.report or (run.path / runs.REPORT / "report.html").is_file():
        return False
    try:
        source = config.open_data()
        run.check_data(source)
    except (ValueError, OSError) as error:  # the data have gone, or are others
        say(f"no report was made: {reason(error)}")
        return False
    return report(run.path, source, say)


def _count(run: RunDirectory, config: TrainingConfig) -> None:
    """Evaluates a finished run once more, to count what it confuses."""
    source = config.open_data()
    run.check_data(source)
    evaluator = Evaluator(AlexNet(weights=run.path), runs.recipe(run.path))
    confusion = Confusion()
    evaluator.evaluate(source, config.batch_size, confusion=confusion)
    run.write_confusion(confusion, source.class_names)
