"""Pack headers and tensors of several tickets into one file, and unpack them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from scratchticket.base.errors import TicketError
from scratchticket.tickets.container import pack, unpack
from scratchticket.tickets.header import Header, headers_json, parse_headers

Entry = tuple[Header, dict[str, Tensor]]


def pack_tickets(entries: Sequence[Entry]) -> bytes:
    """Return a file's content; tensors of ticket i are named ``i/NAME``.

    Raises:
        TicketError: If the headers are invalid.
    """
    value = headers_json([header for header, _ in entries])
    parse_headers(value)
    tensors = {
        f"{index}/{name}": tensor
        for index, (_, own) in enumerate(entries)
        for name, tensor in own.items()
    }
    return pack(value, tensors)


def unpack_tickets(content: bytes) -> list[Entry]:
    """Return the headers and tensors of a file's tickets; inverse of :func:`pack_tickets`.

    Raises:
        TicketError: If a byte was changed, a header is invalid, or a tensor belongs to no ticket.
    """
    value, tensors = unpack(content)
    headers = parse_headers(value)
    own: dict[str, dict[str, Tensor]] = {str(index): {} for index in range(len(headers))}
    for name, tensor in tensors.items():
        index, slash, rest = name.partition("/")
        if not (slash and index in own):
            raise TicketError(f"the ticket file holds an unknown tensor {name!r}")
        own[index][rest] = tensor
    return list(zip(headers, own.values(), strict=True))
