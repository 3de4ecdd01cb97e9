"""Robust scratch tickets: robust subnetworks of networks that were never trained.

Fu et al., "Drawing Robust Scratch Tickets" (NeurIPS 2021, arXiv:2110.14068), and beyond. Public
names load when they are first used, so that importing this package is instant.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from scratchticket._version import __version__

if TYPE_CHECKING:
    from scratchticket import networks
    from scratchticket.attacks import Attack, AttackRecipe
    from scratchticket.base.accuracy import Accuracy
    from scratchticket.base.errors import ScratchticketError
    from scratchticket.data import Data, ImageSet, load_data
    from scratchticket.estimator import RobustTicketClassifier
    from scratchticket.evaluation import natural_accuracy, robust_accuracy
    from scratchticket.learning import LearningRecipe
    from scratchticket.masks import Mask
    from scratchticket.networks import NetworkRecipe
    from scratchticket.runs import Recipe, draw_ticket, train_network
    from scratchticket.switching import RandomSwitch
    from scratchticket.tickets import Ticket

_HOME = {
    "Accuracy": "base.accuracy",
    "Attack": "attacks",
    "AttackRecipe": "attacks",
    "Data": "data",
    "ImageSet": "data",
    "LearningRecipe": "learning",
    "Mask": "masks",
    "NetworkRecipe": "networks",
    "RandomSwitch": "switching",
    "Recipe": "runs",
    "RobustTicketClassifier": "estimator",
    "ScratchticketError": "base.errors",
    "Ticket": "tickets",
    "draw_ticket": "runs",
    "load_data": "data",
    "natural_accuracy": "evaluation",
    "robust_accuracy": "evaluation",
    "train_network": "runs",
}

__all__ = [
    "Accuracy",
    "Attack",
    "AttackRecipe",
    "Data",
    "ImageSet",
    "LearningRecipe",
    "Mask",
    "NetworkRecipe",
    "RandomSwitch",
    "Recipe",
    "RobustTicketClassifier",
    "ScratchticketError",
    "Ticket",
    "__version__",
    "draw_ticket",
    "load_data",
    "natural_accuracy",
    "networks",
    "robust_accuracy",
    "train_network",
]


def __getattr__(name: str) -> Any:
    if name == "networks":
        return import_module("scratchticket.networks")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
