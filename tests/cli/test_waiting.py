"""How threads wait is chosen before PyTorch is loaded, unless the user has chosen."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

SPINS = re.compile(r"GOMP_SPINCOUNT = '(\d+)'")


@pytest.mark.parametrize(
    ("own", "spins"),
    [({}, "10000"), ({"GOMP_SPINCOUNT": "77"}, "77"), ({"OMP_WAIT_POLICY": "passive"}, "0")],
    ids=["none", "rounds", "policy"],
)
def test_threads_spin_for_few_rounds_unless_the_user_has_chosen(
    own: dict[str, str], spins: str
) -> None:
    kept = {k: v for k, v in os.environ.items() if k not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    words = [sys.executable, "-m", "scratchticket", "show", "gallery:digits-seed2/ticket"]

    done = subprocess.run(
        words,
        env={**kept, "OMP_DISPLAY_ENV": "verbose", **own},
        capture_output=True,
        text=True,
        check=True,
    )

    told = SPINS.findall(done.stderr)
    if not told:
        pytest.skip("needs a PyTorch with the OpenMP of GCC")
    assert set(told) == {spins}
