"""Attacks: functions from images to adversarial images inside a ball.

An attack sees a callable from pixels in [0, 1] to logits; it knows neither masks nor data sets,
keeps no state and does not change the network.
"""

from scratchticket.attacks.apgd import APGD, TargetedAPGD, apgd, targeted_apgd
from scratchticket.attacks.attack import (
    Attack,
    AttackRecipe,
    inner_attack,
    inner_attacks,
    inner_settings,
    perturb,
    without_early_stopping,
)
from scratchticket.attacks.autoattack import AutoAttack, Stage
from scratchticket.attacks.balls import Ball, L2Ball, LinfBall, Norm
from scratchticket.attacks.bandits import Bandits, bandits
from scratchticket.attacks.cw import CarliniWagner, carlini_wagner
from scratchticket.attacks.fgsm import FGSM, NoiseFGSM
from scratchticket.attacks.gradient import Network, input_gradient
from scratchticket.attacks.losses import LOSSES, Loss, cross_entropy, dlr, margin
from scratchticket.attacks.method import Method, Result, Settings, Stepping, Target
from scratchticket.attacks.noise import Noise, noise
from scratchticket.attacks.pgd import PGD, Keep, iterates, pgd
from scratchticket.attacks.registry import METHODS, make_method, method_names

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
    "NoiseFGSM",
    "Norm",
    "Result",
    "Settings",
    "Stage",
    "Stepping",
    "Target",
    "TargetedAPGD",
    "apgd",
    "bandits",
    "carlini_wagner",
    "cross_entropy",
    "dlr",
    "inner_attack",
    "inner_attacks",
    "inner_settings",
    "input_gradient",
    "iterates",
    "make_method",
    "method_names",
    "margin",
    "noise",
    "perturb",
    "pgd",
    "targeted_apgd",
    "without_early_stopping",
]
