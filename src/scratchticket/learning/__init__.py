"""The minimax loop, which learns either scores or weights (decision 2)."""

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
    Watch,
)
from scratchticket.learning.recipe import LearningRecipe
from scratchticket.learning.searches import (
    SEARCHES,
    NamedSearch,
    Search,
    SearchRecipe,
    make_search,
    search_settings,
)

__all__ = [
    "SEARCHES",
    "Epoch",
    "Event",
    "Learner",
    "LearningRecipe",
    "NamedSearch",
    "Outcome",
    "Problem",
    "ScoreLearner",
    "Search",
    "SearchRecipe",
    "Session",
    "Snapshot",
    "Validation",
    "Watch",
    "WeightLearner",
    "catastrophic_overfitting",
    "learn",
    "make_search",
    "search_settings",
]
