"""Who does a sweep: this machine, a Slurm cluster, a Ray cluster.

Every executor does the same: it starts workers, which share the jobs between them through the
store. So several can work on one sweep, one after the other or at the same time.
"""

from scratchticket.experiments.executors.here import run_here
from scratchticket.experiments.executors.sweep import Sweep
from scratchticket.experiments.executors.watch import Watch

__all__ = ["Sweep", "Watch", "run_here"]
