"""A network without its empty channels computes the same."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from scratchticket import networks
from scratchticket.base.errors import InputError
from scratchticket.export import compacted


def emptied(network: nn.Module, keep: float = 0.4) -> nn.Module:
    """Return a network most of whose output channels are masked, the classifier's aside."""
    *layers, _ = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    with torch.no_grad():
        for layer in layers:
            dead = torch.rand(len(layer.weight)) > keep
            layer.weight[dead] = 0.0
        for norm in network.modules():
            if isinstance(norm, nn.BatchNorm2d):
                assert norm.running_var is not None
                norm.running_var.uniform_(0.5, 2)
    return network.eval()


def same(network: nn.Module, shape: tuple[int, int, int] = (3, 16, 16)) -> nn.Module:
    """Return a network's smaller form, having compared them."""
    images = torch.rand(5, *shape)
    small = compacted(network)
    torch.testing.assert_close(small(images), network(images), atol=1e-5, rtol=1e-5)
    return small


def count(network: nn.Module) -> int:
    """Return how many parameters there are."""
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("resnet18", {"width": 8}),
        ("preact_resnet18", {"width": 8}),
        ("wide_resnet", {"width": 8, "depth": 10, "widen": 1}),
        ("imagenet_resnet50", {"width": 8}),
        ("conv4", {"width": 8}),
    ],
)
def test_every_network_can_be_made_smaller(name: str, arguments: dict[str, int]) -> None:
    network = emptied(networks.build(name, classes=10, image_size=16, **arguments))

    assert count(same(network)) < 0.4 * count(network)


class Odd(nn.Module):
    """Layers that cannot be made smaller, among some that can."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.grouped = nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.conv2, self.twice = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)
        self.head = nn.Linear(8, 4)

    def forward(self, images: Tensor) -> Tensor:
        values = torch.relu(self.norm(self.conv1(images)))
        values = self.grouped(values) + 1.0  # a channel of zeros is none any more
        values = self.twice(torch.tanh(self.conv2(values)))
        values = self.twice(values) + self.conv2.weight.sum()
        logits: Tensor = self.head(values.mean(dim=(2, 3)))
        return logits


def test_where_nothing_is_known_all_channels_are_put_back() -> None:
    odd = emptied(Odd())
    with torch.no_grad():
        odd.conv1.bias.zero_()
        odd.norm.bias[:4] = 0.5  # batch norm moves these from zero, dead or not
        odd.norm.running_mean.zero_()
    before = {name: value.clone() for name, value in odd.state_dict().items()}

    assert count(same(odd)) < count(odd)
    assert all(torch.equal(value, before[name]) for name, value in odd.state_dict().items())


def test_a_network_all_of_whose_channels_are_empty_still_answers() -> None:
    same(emptied(networks.build("resnet18", classes=3, width=4), keep=0.0))


class Branching(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images if images.sum() > 0 else -images


def test_what_cannot_be_made_smaller_is_told() -> None:
    with pytest.raises(InputError, match="cannot be traced"):
        compacted(Branching())
    with pytest.raises(InputError, match="so none can be removed"):
        compacted(networks.build("conv4", classes=3, width=4).eval())
