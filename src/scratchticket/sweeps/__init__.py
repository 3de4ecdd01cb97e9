"""Many jobs, each done once: what a job is, where finished ones are kept, who does the others."""

from scratchticket.sweeps.job import Job, in_order
from scratchticket.sweeps.store import Store
from scratchticket.sweeps.worker import work

__all__ = ["Job", "Store", "in_order", "work"]
