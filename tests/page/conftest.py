"""Two tickets of one random network, a dense one, and the page's set of them."""

from __future__ import annotations

from pathlib import Path

import pytest

import scratchticket as st
from scratchticket import gallery
from scratchticket.page import TicketSet, load_sets

SMALL = st.NetworkRecipe("resnet18", width=2)
QUICK = st.LearningRecipe(epochs=1, batch_size=64)
ATTACK = st.AttackRecipe("fgsm", epsilon=0.1)


@pytest.fixture(scope="session")
def files(few_digits: st.Data, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Files of two tickets and of a dense network."""
    folder = tmp_path_factory.mktemp("files")
    for ratio in (0.3, 0.5):
        ticket = st.draw_ticket(
            few_digits, SMALL, ratio=ratio, attack=ATTACK, learning=QUICK, seed=3
        )
        ticket.save(folder / f"ratio-{ratio}.safetensors")
    dense = st.train_network(few_digits, SMALL, attack=ATTACK, learning=QUICK, seed=3)
    dense.save(folder / "dense.safetensors")
    return sorted(folder.iterdir())


@pytest.fixture(scope="session")
def chosen(files: list[Path]) -> TicketSet:
    """The set of these, with digits to choose from."""
    (only,) = load_sets(files, data="digits")
    return only


@pytest.fixture(scope="session")
def packaged() -> TicketSet:
    """Tickets of the gallery, without a dense network among them."""
    names = [f"digits-seed2/{name}" for name in ("ratio-0.4", "ticket", "ratio-0.05")]
    (only,) = load_sets([gallery.path_of(name) for name in names])
    return only
