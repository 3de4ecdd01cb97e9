"""Sweeps: jobs that are each done once, the store of results, and workers."""

from scratchticket.sweeps.job import Job, in_order
from scratchticket.sweeps.store import Store
from scratchticket.sweeps.worker import work

__all__ = ["Job", "Store", "in_order", "work"]
