"""The report: the paper's tables and figures redrawn from our records, beside its numbers."""

from scratchticket.experiments.report.found import Found, Records, found
from scratchticket.experiments.report.html import page
from scratchticket.experiments.report.markdown import section

__all__ = ["Found", "Records", "found", "page", "section"]
