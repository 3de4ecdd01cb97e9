"""Natural and robust accuracy of any network."""

from scratchticket.attacks.verdict import verified
from scratchticket.base.record import Check
from scratchticket.evaluation.accuracy import natural_accuracy, robust_accuracy
from scratchticket.evaluation.answers import check_ready, checked_logits, predictions
from scratchticket.evaluation.engine import Progress, Shard, Work, default_batch_size
from scratchticket.evaluation.features import FeatureDistance, feature_distance
from scratchticket.evaluation.journal import Journal
from scratchticket.evaluation.outcome import EvaluationResult, Outcome
from scratchticket.evaluation.report import counts, report
from scratchticket.evaluation.robustness import Evaluation, evaluate
from scratchticket.evaluation.signs import chance_signs, checks
from scratchticket.evaluation.suites import (
    QUICK_IMAGES,
    Balls,
    SuiteName,
    balls,
    named,
    possible,
    suite,
)

__all__ = [
    "QUICK_IMAGES",
    "Balls",
    "Check",
    "EvaluationResult",
    "Evaluation",
    "FeatureDistance",
    "Journal",
    "Outcome",
    "Progress",
    "Shard",
    "SuiteName",
    "Work",
    "checked_logits",
    "balls",
    "chance_signs",
    "check_ready",
    "checks",
    "counts",
    "default_batch_size",
    "evaluate",
    "feature_distance",
    "named",
    "possible",
    "natural_accuracy",
    "predictions",
    "report",
    "robust_accuracy",
    "suite",
    "verified",
]
