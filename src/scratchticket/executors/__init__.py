"""Executors of a sweep: this machine, a Slurm cluster, a Ray cluster.

Every executor starts workers, which share the jobs through the store. So several executors can run
one sweep, one after the other or at the same time.
"""

from scratchticket.executors.execute import EXECUTORS, calibrate, check_crew, execute
from scratchticket.executors.here import run_here
from scratchticket.executors.ray import run_on_ray
from scratchticket.executors.slurm import SlurmWorker, run_on_slurm
from scratchticket.executors.sweep import Sweep
from scratchticket.executors.watch import Watch

__all__ = [
    "EXECUTORS",
    "SlurmWorker",
    "Sweep",
    "Watch",
    "calibrate",
    "check_crew",
    "execute",
    "run_here",
    "run_on_ray",
    "run_on_slurm",
]
