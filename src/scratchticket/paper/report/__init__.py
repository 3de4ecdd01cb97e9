"""The report: the paper's tables and figures redrawn from our records, beside its numbers."""

from scratchticket.paper.report.found import Found, Records, found
from scratchticket.paper.report.html import page
from scratchticket.paper.report.markdown import document, section

__all__ = ["Found", "Records", "document", "found", "page", "section"]
