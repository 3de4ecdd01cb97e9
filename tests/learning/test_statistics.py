"""Recomputed statistics are plain averages, and the running ones are restored."""

from __future__ import annotations

import torch
from torch import nn

from scratchticket.learning.statistics import recomputed_statistics


def test_statistics_are_the_average_over_the_batches_and_only_inside() -> None:
    network = nn.Sequential(nn.BatchNorm2d(2, affine=False), nn.Identity()).train()
    network(torch.rand(8, 2, 4, 4))
    network.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    batches = [torch.rand(8, 2, 4, 4) * scale for scale in (1, 2, 5)]

    with recomputed_statistics(network, iter(batches)):
        inside = network[0]
        assert not network.training
        mean = torch.stack([b.mean(dim=(0, 2, 3)) for b in batches]).mean(dim=0)
        torch.testing.assert_close(inside.running_mean, mean)
        variance = torch.stack([b.var(dim=(0, 2, 3)) for b in batches]).mean(dim=0)
        torch.testing.assert_close(inside.running_var, variance)

    assert network[0].momentum == 0.1
    torch.testing.assert_close(dict(network.state_dict()), before, rtol=0, atol=0)


def test_a_network_without_batch_norm_is_left_alone() -> None:
    def refuse() -> None:
        raise AssertionError("no batch is needed")

    network = nn.Linear(2, 2).eval()
    with recomputed_statistics(network, (refuse() for _ in range(3))):  # type: ignore[misc]
        assert not network.training
