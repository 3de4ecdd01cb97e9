"""The report: the paper's tables and figures redrawn from our records, beside its numbers."""

from scratchticket.paper.report.found import Found, Records, found
from scratchticket.paper.report.html import page
from scratchticket.paper.report.markdown import section

__all__ = ["Found", "Records", "found", "page", "section"]
