"""Several tickets of one random network, one of them active at a time."""

from scratchticket.switching.shared import SharedNetwork

__all__ = ["SharedNetwork"]
