"""How good a network is, and how good under attack. Nothing here knows how it was made."""

from scratchticket.evaluation.accuracy import natural_accuracy, predictions, robust_accuracy
from scratchticket.evaluation.verdict import verified

__all__ = ["natural_accuracy", "predictions", "robust_accuracy", "verified"]
