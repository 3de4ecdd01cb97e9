"""The report: tables and figures from our records, with the paper's numbers."""

from scratchticket.paper.report.found import Found, Records, found
from scratchticket.paper.report.html import page
from scratchticket.paper.report.markdown import document, section

__all__ = ["Found", "Records", "document", "found", "page", "section"]
