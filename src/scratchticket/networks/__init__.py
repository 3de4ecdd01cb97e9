"""Plain dense networks: pixels in [0, 1] to logits. Nothing here knows of masks."""

from scratchticket.networks.convolutions import lean
from scratchticket.networks.folding import folded
from scratchticket.networks.inits import INITS, initialise
from scratchticket.networks.normalise import Normalise
from scratchticket.networks.parameters import (
    bare,
    classifier,
    maskable,
    normalised,
    placed,
    statistics,
    unmasked,
)
from scratchticket.networks.recipe import (
    NETWORKS,
    Factory,
    NetworkRecipe,
    import_factory,
    name_of,
    register,
)
from scratchticket.networks.registry import build, check_answers, outline, random_network

__all__ = [
    "INITS",
    "NETWORKS",
    "Factory",
    "NetworkRecipe",
    "Normalise",
    "bare",
    "build",
    "check_answers",
    "classifier",
    "folded",
    "import_factory",
    "initialise",
    "lean",
    "maskable",
    "name_of",
    "normalised",
    "outline",
    "placed",
    "random_network",
    "register",
    "statistics",
    "unmasked",
]
