"""Small ticket files that claim to be large take no memory before they are refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from resource import RUSAGE_SELF, getrusage
from typing import Any

import pytest
import torch
from test_mutations import DIGEST, KNOWN, sealed

import scratchticket as st
from scratchticket.base.errors import TicketError
from scratchticket.base.files import canonical_json
from scratchticket.tickets.container import unpack

ALLOWED = 128  # MiB


def bombs() -> Iterator[tuple[str, bytes]]:
    """Return files of at most 16 MiB whose headers claim large sizes."""
    content = (KNOWN / "element.safetensors").read_bytes()

    def changed(**values: Any) -> bytes:
        header, tensors = unpack(content)
        layers = header["tickets"][0]["layers"]
        header["tickets"][0] |= {k: v(layers) if callable(v) else v for k, v in values.items()}
        return sealed(canonical_json(header | {"sha256": DIGEST}), tensors)

    side = 2**14
    huge = {"shape": [side, side], "bits": [side, side], "kept": 1}
    yield "a layer", changed(layers=lambda own: [own[0] | huge, *own[1:]])
    yield "every layer", changed(layers=lambda own: [one | huge for one in own])
    yield (
        "many layers",
        changed(layers=lambda own: [own[0] | {"name": str(i)} for i in range(9999)]),
    )
    yield "statistics", changed(statistics=[{"name": "bn1.running_mean", "shape": [2**28]}])
    yield "images", changed(image_shape=[1, 2**31, 2**31], mean=[0.5], std=[0.5])
    yield "classes", changed(classes=[str(number) for number in range(500_000)])
    header, tensors = unpack(content)
    wide = header["tickets"][0]["network"] | {"width": 4096}
    yield "a wide network", changed(network=wide)
    deep = {"name": "wide_resnet", "width": 4096, "arguments": {"depth": 1000, "widen": 256}}
    yield "a deep network", changed(network=wide | deep)
    header["tickets"] *= 1025
    yield "many tickets", sealed(canonical_json(header | {"sha256": DIGEST}), tensors)
    text = canonical_json(unpack(content)[0] | {"sha256": DIGEST})
    nested = text.replace('"provenance":{', '"provenance":{"x":' + "[" * 10**6 + "]" * 10**6 + ",")
    yield "nesting", sealed(nested, tensors)
    yield "a long number", sealed(text.replace('"seed":', '"seed":' + "9" * 10**6, 1), tensors)
    yield "a header's length", (2**63).to_bytes(8, "little") + content[8:]


def test_what_a_file_claims_takes_no_memory() -> None:
    paths = os.pathsep.join(path for path in sys.path if path)
    subprocess.run([sys.executable, __file__], check=True, env=os.environ | {"PYTHONPATH": paths})


def test_a_file_that_could_not_be_read_again_is_not_written(ticket: st.Ticket) -> None:
    nested: list[Any] = []
    for _ in range(100):
        nested = [nested]
    ticket.provenance["nested"] = nested  # type: ignore[index]
    with pytest.raises(TicketError, match="could not be read again: it is nested too deeply"):
        ticket.to_bytes()
    del ticket.provenance["nested"]  # type: ignore[attr-defined]


if __name__ == "__main__":  # in a process of its own, whose memory can be told
    st.Ticket.load(KNOWN / "element.safetensors")
    torch.zeros(1)
    files = list(bombs())
    for name, content in files:
        before = getrusage(RUSAGE_SELF).ru_maxrss
        try:
            st.Ticket.from_bytes(content, 0)
        except TicketError as error:
            assert len(str(error).splitlines()) == 1, name
        else:
            raise AssertionError(f"{name} was read")
        taken = (getrusage(RUSAGE_SELF).ru_maxrss - before) >> 10
        assert len(content) < 32 << 20
        assert taken < ALLOWED, f"{name} took {taken} MiB"
