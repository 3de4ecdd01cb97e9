"""Sweeps: jobs, the store of their results, and the workers that do them."""

from scratchticket.sweeps.job import Job, in_order
from scratchticket.sweeps.store import Store
from scratchticket.sweeps.worker import work

__all__ = ["Job", "Store", "in_order", "work"]
