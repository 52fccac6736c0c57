"""How good a model is on pictures that it has not been trained on."""

from keras_alexnet.evaluation.confusion import Confusion
from keras_alexnet.evaluation.evaluator import Evaluator
from keras_alexnet.evaluation.exports import judge_export
from keras_alexnet.evaluation.judging import CENTRE, TEN, Judged, Member, judge
from keras_alexnet.evaluation.scores import Scores, shows_top5, totals

__all__ = [
    "CENTRE",
    "TEN",
    "Confusion",
    "Evaluator",
    "Judged",
    "Member",
    "Scores",
    "judge",
    "judge_export",
    "shows_top5",
    "totals",
]
