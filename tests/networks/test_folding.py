"""Folded batch norms: the same function, faster to attack, restored afterwards."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import scratchticket as st
from scratchticket.attacks import cross_entropy, input_gradient
from scratchticket.networks import folded

IMAGES = torch.rand(24, 1, 8, 8, generator=torch.Generator().manual_seed(0))
KINDS = ("resnet18", "imagenet_resnet50", "wideresnet32")


def lived(name: str = "resnet18", *, affine: bool = False) -> nn.Module:
    """Return a network whose batch norms have seen images."""
    network = st.networks.build(name, classes=10, channels=1, width=4, seed=1)
    for module in list(network.modules()):
        for child_name, child in list(module.named_children()):
            if isinstance(child, nn.BatchNorm2d) and affine:
                setattr(module, child_name, nn.BatchNorm2d(child.num_features))
    draws = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            if module.affine:
                module.weight.data.uniform_(0.5, 2, generator=draws)
                module.bias.data.normal_(generator=draws)
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.1, generator=draws)
            module.running_var.uniform_(0.5, 2, generator=draws)
    return network.eval().requires_grad_(False)


def looked_at(network: nn.Module, images: Tensor) -> tuple[Tensor, ...]:
    """Return gradient, logits and losses."""
    labels = torch.arange(len(images)) % 10
    return input_gradient(network, images, labels, cross_entropy)


@pytest.mark.parametrize("count", [1, 24])
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("name", KINDS)
def test_a_folded_network_computes_the_same(name: str, affine: bool, count: int) -> None:
    network, images = lived(name, affine=affine).double(), IMAGES[:count].double()
    plain = looked_at(network, images)

    with folded(network):
        result = looked_at(network, images)
        steps = operations(network, images)

    torch.testing.assert_close(result, plain, rtol=1e-7, atol=1e-9)
    assert not any("BatchNorm" in step for step in steps)
    assert any("BatchNorm" in step for step in operations(network, images))


def test_some_convolutions_are_folded_and_some_have_more_weights_than_results() -> None:
    network = lived()

    with folded(network):
        few, many = (operations(network, IMAGES[:count]).count("MulBackward0") for count in (1, 24))
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())

    assert 1 < many < few < norms


def test_changes_inside_the_context_take_effect() -> None:
    network = lived()

    with folded(network):
        before = network(IMAGES)
        for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
            if "running_var" in name or "conv" in name:
                tensor.data *= 2
        after = network(IMAGES)

    torch.testing.assert_close(after, network(IMAGES), rtol=1e-3, atol=1e-4)
    assert not torch.allclose(before, after, rtol=1e-3, atol=1e-4)


def test_afterwards_a_network_is_as_it_was_and_learns() -> None:
    network = lived(affine=True)
    before = network(IMAGES)

    with folded(network), folded(network):
        pass
    with pytest.raises(st.ScratchticketError), folded(network):
        network(torch.rand(2, 7, 8, 8))

    assert torch.equal(network(IMAGES), before)
    statistics = {name: buffer.clone() for name, buffer in network.named_buffers()}
    network.requires_grad_(True).train()(IMAGES).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert any(not torch.equal(b, statistics[name]) for name, b in network.named_buffers())


def test_layers_with_hooks_are_left_alone() -> None:
    network, heard = lived(), []
    layer = network.get_submodule("layer1.0.conv1")
    handle = layer.register_forward_hook(lambda module, inputs, output: heard.append(output))

    with folded(network):
        result = network(IMAGES)
    plain = network(IMAGES)
    handle.remove()

    assert torch.allclose(heard[0], heard[1], rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(result, plain, rtol=1e-3, atol=1e-4)


def test_batch_norm_in_training_mode_and_other_callables_are_left_alone() -> None:
    network = lived().train()

    with folded(network), folded(lambda images: images):
        assert "NativeBatchNormBackward0" in operations(network)


def operations(network: nn.Module, images: Tensor = IMAGES) -> list[str]:
    """Return the names of all operations the logits depend on."""
    node = network(images.clone().requires_grad_()).grad_fn
    found, seen, ahead = list[str](), {node}, [node]
    while ahead:
        node = ahead.pop()
        found.append(type(node).__name__)
        for after, _ in getattr(node, "next_functions", ()):
            if after is not None and after not in seen:
                seen.add(after)
                ahead.append(after)
    return found
