"""Plain dense networks: pixels in [0, 1] to logits. Nothing here knows of masks."""

from scratchticket.networks.inits import INITS, initialise, maskable
from scratchticket.networks.normalise import Normalise
from scratchticket.networks.registry import NETWORKS, NetworkRecipe, build, outline, random_network

__all__ = [
    "INITS",
    "NETWORKS",
    "NetworkRecipe",
    "Normalise",
    "build",
    "initialise",
    "maskable",
    "outline",
    "random_network",
]
