"""``python -m scratchticket``."""

from scratchticket.cli.app import main

main()
