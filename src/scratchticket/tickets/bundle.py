"""Headers and tensors of several tickets as the content of one file, and back."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from scratchticket.errors import TicketError
from scratchticket.tickets.container import pack, unpack
from scratchticket.tickets.header import Header, headers_json, parse_headers

Entry = tuple[Header, dict[str, Tensor]]


def sealed(entries: Sequence[Entry]) -> bytes:
    """Return a file's content; tensors of ticket i are named ``i/`` and their own name."""
    tensors = {
        f"{index}/{name}": tensor
        for index, (_, own) in enumerate(entries)
        for name, tensor in own.items()
    }
    return pack(headers_json([header for header, _ in entries]), tensors)


def opened(content: bytes) -> list[Entry]:
    """Undo :func:`sealed`.

    Raises:
        TicketError: If a byte was changed, the header is wrong, or a tensor belongs to no ticket.
    """
    value, tensors = unpack(content)
    headers = parse_headers(value)
    own: list[dict[str, Tensor]] = [{} for _ in headers]
    for name, tensor in tensors.items():
        index, slash, rest = name.partition("/")
        if not (slash and index in map(str, range(len(headers)))):
            raise TicketError(f"the ticket file holds an unknown tensor {name!r}")
        own[int(index)][rest] = tensor
    return list(zip(headers, own, strict=True))
