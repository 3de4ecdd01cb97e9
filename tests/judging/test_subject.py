"""State dicts are read as others write them, whatever they put around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import scratchticket as st
from scratchticket import networks
from scratchticket.base.errors import InputError
from scratchticket.judging.subject import module_subject

State = dict[str, Any]


class Inner(nn.Module):
    """A network whose own names may begin like a wrapper's."""

    def __init__(self, child: str) -> None:
        super().__init__()
        self.child = child
        self.add_module(child, nn.Sequential(nn.Flatten(), nn.Linear(64, 10)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.get_submodule(self.child)(images)


@pytest.fixture(params=["layers", "model", "module"])
def network(request: pytest.FixtureRequest) -> Iterator[Inner]:
    networks.register("inner", lambda **_: Inner(request.param))
    yield Inner(request.param)
    networks.NETWORKS.pop("inner")


def behind(prefix: str) -> Callable[[State], State]:
    return lambda state: {prefix + name: value for name, value in state.items()}


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda state: state,
        *map(behind, ("module.", "_orig_mod.", "model.", "net.", "module._orig_mod.")),
        behind("model._orig_mod."),
        *(
            lambda state, key=key: {"epoch": 3, key: behind("module.")(state), "best": 0.5}
            for key in ("state_dict", "model_state_dict", "model_state", "model", "net")
        ),
        lambda state: {"state_dict": behind("model.")(state), "hyper_parameters": {}},
    ],
)
def test_what_wrappers_add_is_taken_away(
    wrapped: Callable[[State], State], network: Inner, digits: st.Data, tmp_path: Path
) -> None:
    torch.save(wrapped(network.state_dict()), tmp_path / "weights.pt")
    images = digits.test.images[:9] / 255

    subject = module_subject("inner", tmp_path / "weights.pt", digits)
    assert torch.equal(subject.network(images), network.eval()(images))


def test_of_other_names_the_first_that_lacks_is_told(
    network: Inner, digits: st.Data, tmp_path: Path
) -> None:
    torch.save(behind("backbone.")(network.state_dict()), tmp_path / "weights.pt")

    with pytest.raises(InputError, match=f"lacks {network.child}.1.bias and 1 more"):
        module_subject("inner", tmp_path / "weights.pt", digits)
