"""Switches between tickets of one network, by index or at random (R2S)."""

from scratchticket.switching.shared import SharedNetwork
from scratchticket.switching.switch import RandomSwitch

__all__ = ["RandomSwitch", "SharedNetwork"]
