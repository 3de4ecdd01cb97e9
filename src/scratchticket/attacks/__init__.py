"""Attacks: functions from images to worse images inside a ball.

An attack sees a callable from pixels in [0, 1] to logits; it knows neither masks nor data sets,
keeps no state and leaves no trace in the network.
"""

from scratchticket.attacks.balls import Ball, L2Ball, LinfBall
from scratchticket.attacks.gradient import Network, pgd
from scratchticket.attacks.recipe import AttackRecipe, Norm, perturb

__all__ = ["AttackRecipe", "Ball", "L2Ball", "LinfBall", "Network", "Norm", "perturb", "pgd"]
