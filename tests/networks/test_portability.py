"""The random network is the same bits whatever the machine, its features and its threads."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from numpy._core import _multiarray_umath as numpy_core

import scratchticket as st
from scratchticket.learning.searches import initial_scores
from scratchticket.tickets.identity import fingerprint

CODE = """
import sys, torch
torch.set_num_threads(int(sys.argv[1]))
import scratchticket as st
from scratchticket.learning.searches import initial_scores
from scratchticket.tickets.identity import fingerprint
network = st.networks.build("resnet18", classes=10, width=8, seed=1)
for init in ("kaiming_normal", "kaiming_uniform"):
    network.append(st.networks.build("resnet18", classes=10, width=8, seed=1, init=init))
tensors = [*network.parameters(), initial_scores(1, "conv1.weight", (8, 3, 3, 3))]
print(" ".join(fingerprint(tensor) for tensor in tensors))
"""


def test_known_fingerprints() -> None:
    network = st.networks.build("resnet18", classes=10, width=8, seed=1)
    weights = dict(network.named_parameters())

    assert fingerprint(weights["conv1.weight"]) == "e8785d81dca44b0079b5aaf64c7aed55"
    assert fingerprint(weights["layer4.1.conv2.weight"]) == "2124ba736936f104552d6a9c0a0f686a"
    assert fingerprint(weights["fc.weight"]) == "60436054ddb15b89458a5df87b8bdbf5"
    assert (
        fingerprint(initial_scores(1, "conv1.weight", (8, 3, 3, 3)))
        == "b3e5dbac21d0a09dab75523e0c2ab511"
    )


def fingerprints(threads: int = 1, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CODE, str(threads)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("threads", "environment"),
    [
        (2, {}),
        (1, {"ATEN_CPU_CAPABILITY": "default"}),
        (1, {"NPY_DISABLE_CPU_FEATURES": " ".join(numpy_core.__cpu_dispatch__)}),
    ],
    ids=["two threads", "torch without vector instructions", "numpy without vector instructions"],
)
def test_fingerprints_do_not_depend_on_the_processor(
    threads: int, environment: dict[str, str]
) -> None:
    assert fingerprints(threads, **environment) == fingerprints()
