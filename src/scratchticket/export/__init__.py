"""Export of tickets: ONNX, torch.export programs, dense state dicts."""

from scratchticket.export.compact import compacted
from scratchticket.export.graph import TicketGraph
from scratchticket.export.write import FORMATS, Exported, export

__all__ = ["FORMATS", "Exported", "TicketGraph", "compacted", "export"]
