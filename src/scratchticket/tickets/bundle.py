"""Headers and tensors of several tickets as the content of one file, and back."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from scratchticket.base.errors import TicketError
from scratchticket.tickets.container import pack, unpack
from scratchticket.tickets.header import Header, headers_json, parse_headers

Entry = tuple[Header, dict[str, Tensor]]


def sealed(entries: Sequence[Entry]) -> bytes:
    """Return a file's content; tensors of ticket i are named ``i/`` and their own name.

    Raises:
        TicketError: If the headers are such that no reader would take them.
    """
    value = headers_json([header for header, _ in entries])
    parse_headers(value)
    tensors = {
        f"{index}/{name}": tensor
        for index, (_, own) in enumerate(entries)
        for name, tensor in own.items()
    }
    return pack(value, tensors)


def opened(content: bytes) -> list[Entry]:
    """Undo :func:`sealed`.

    Raises:
        TicketError: If a byte was changed, the header is wrong, or a tensor belongs to no ticket.
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
