"""Plain dense networks from pixels in [0, 1] to logits. Independent of masks."""

from scratchticket.networks.checks import check_logits, check_rebuildable
from scratchticket.networks.convolutions import fast_convolutions
from scratchticket.networks.folding import folded
from scratchticket.networks.inits import INITS, initialise
from scratchticket.networks.normalise import Normalise
from scratchticket.networks.parameters import (
    bare,
    check_masked,
    classifier,
    maskable,
    normalised,
    placed,
    statistics,
    unmasked,
)
from scratchticket.networks.recipe import (
    BUILT_IN,
    NETWORKS,
    Factory,
    NetworkRecipe,
    import_factory,
    name_of,
    register,
)
from scratchticket.networks.registry import build, make_module, outline, random_network

__all__ = [
    "BUILT_IN",
    "INITS",
    "NETWORKS",
    "Factory",
    "NetworkRecipe",
    "Normalise",
    "bare",
    "build",
    "check_logits",
    "check_rebuildable",
    "check_masked",
    "classifier",
    "folded",
    "import_factory",
    "initialise",
    "fast_convolutions",
    "make_module",
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
