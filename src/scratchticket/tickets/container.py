"""The container: safetensors with one metadata value, which holds a hash of the whole file.

The hash is SHA-256 over the whole file, with the hash's own 64 hexadecimal digits replaced by
zeros. So it covers every byte: tensors, header and padding.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from scratchticket.base.errors import TicketError
from scratchticket.base.files import canonical_json, parsed_json

KEY = "scratchticket"
MAX_HEADER = 16 << 20  # bytes
_BLANK = "0" * 64
_DIGEST = re.compile("[0-9a-f]{64}")


def pack(header: dict[str, Any], tensors: dict[str, Tensor]) -> bytes:
    """Return the file's bytes; the same arguments always give the same bytes.

    Args:
        header: JSON values, without the key ``sha256``.
        tensors: Tensors by name.
    """
    text = canonical_json(header)
    if len(text) > MAX_HEADER // 2:
        raise TicketError("the header of the file, provenance included, is too large")
    try:
        parsed_json(text)
    except ValueError as error:
        raise TicketError(f"the header of the file could not be read again: {error}") from None
    blank = safetensors.torch.save(tensors, {KEY: canonical_json(header | {"sha256": _BLANK})})
    digest = sha256(blank).hexdigest()
    return safetensors.torch.save(tensors, {KEY: canonical_json(header | {"sha256": digest})})


def unpack(content: bytes) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return header and tensors of a file, after verifying its hash.

    Returns:
        The header without its hash, and the tensors.

    Raises:
        TicketError: If the content is not a ticket file, or was changed, truncated or extended.
    """
    try:
        header = parsed_json(parsed_json(_header_bytes(content))["__metadata__"][KEY])
        digest = header.pop("sha256")
        if not _DIGEST.fullmatch(digest):
            raise TicketError("not a ticket file: its header holds no hash")
    except (AttributeError, KeyError, TypeError, ValueError):
        raise TicketError("not a ticket file: its header is not a ticket's") from None
    blank = content.replace(digest.encode(), _BLANK.encode())
    if content.count(digest.encode()) != 1 or sha256(blank).hexdigest() != digest:
        raise TicketError("the file is damaged: its content does not match its hash")
    try:
        return header, safetensors.torch.load(content)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise TicketError(f"not a ticket file: {type(error).__name__} in its tensors") from None


def _header_bytes(content: bytes) -> bytes:
    """Return the JSON header of a safetensors file, after checking its length."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or not 2 <= length <= min(MAX_HEADER, len(content) - 8):
        raise TicketError("not a ticket file: it does not begin with the length of a header")
    return content[8 : 8 + length]
