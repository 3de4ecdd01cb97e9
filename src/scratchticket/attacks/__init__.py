"""Attacks: functions from images to worse images inside a ball.

An attack sees a callable from pixels in [0, 1] to logits; it knows neither masks nor data sets,
keeps no state and leaves no trace in the network.
"""

from scratchticket.attacks.apgd import apgd, targeted_apgd
from scratchticket.attacks.attack import (
    METHODS,
    Attack,
    attack_of,
    make_method,
    method_names,
    unstopped,
)
from scratchticket.attacks.balls import Ball, L2Ball, LinfBall
from scratchticket.attacks.bandits import bandits
from scratchticket.attacks.cw import carlini_wagner
from scratchticket.attacks.gradient import Keep, Network, input_gradient, iterates, pgd
from scratchticket.attacks.losses import LOSSES, Loss, cross_entropy, dlr, margin
from scratchticket.attacks.method import Method, Result, Target
from scratchticket.attacks.methods import APGD, FGSM, PGD, TargetedAPGD
from scratchticket.attacks.noise import noise
from scratchticket.attacks.other_methods import AutoAttack, Bandits, CarliniWagner, Noise, Stage
from scratchticket.attacks.recipe import AttackRecipe, Norm, perturb

__all__ = [
    "APGD",
    "FGSM",
    "LOSSES",
    "METHODS",
    "PGD",
    "Attack",
    "AttackRecipe",
    "AutoAttack",
    "Ball",
    "Bandits",
    "CarliniWagner",
    "Keep",
    "L2Ball",
    "LinfBall",
    "Loss",
    "Method",
    "Network",
    "Noise",
    "Norm",
    "Result",
    "Stage",
    "Target",
    "TargetedAPGD",
    "apgd",
    "attack_of",
    "bandits",
    "carlini_wagner",
    "cross_entropy",
    "dlr",
    "input_gradient",
    "iterates",
    "make_method",
    "method_names",
    "margin",
    "noise",
    "perturb",
    "pgd",
    "targeted_apgd",
    "unstopped",
]
