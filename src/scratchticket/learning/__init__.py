"""One minimax loop for everything that is learned: scores, or weights (decision 2)."""

from scratchticket.learning.learners import Learner, ScoreLearner, WeightLearner
from scratchticket.learning.loop import learn
from scratchticket.learning.overfitting import catastrophic_overfitting
from scratchticket.learning.problem import (
    Epoch,
    Event,
    Outcome,
    Problem,
    Session,
    Snapshot,
    Validation,
)
from scratchticket.learning.recipe import LearningRecipe

__all__ = [
    "Epoch",
    "Event",
    "Learner",
    "LearningRecipe",
    "Outcome",
    "Problem",
    "ScoreLearner",
    "Session",
    "Snapshot",
    "Validation",
    "WeightLearner",
    "catastrophic_overfitting",
    "learn",
]
