"""Several tickets of one network, one of them active at a time; a random one, in R2S."""

from scratchticket.switching.shared import SharedNetwork
from scratchticket.switching.switch import RandomSwitch

__all__ = ["RandomSwitch", "SharedNetwork"]
