"""Any module is a network: what is masked, what the rest becomes, how it is named."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import scratchticket as st
from scratchticket import networks
from scratchticket.base.errors import InputError
from scratchticket.networks import maskable, unmasked


class Odd(nn.Module):
    """Attention, a tied weight, affine norms, biases, a token, a scale, buffers of two kinds."""

    def __init__(self, classes: int, channels: int, dim: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 1, dim))
        self.embed = nn.Conv2d(channels, dim, 4, stride=4)
        self.attention = nn.MultiheadAttention(dim, 2, batch_first=True)
        self.norm = nn.LayerNorm(dim)
        self.up = nn.Linear(dim, dim)
        self.down = nn.Linear(dim, dim)
        self.down.weight = self.up.weight  # tied
        self.scale = nn.Parameter(torch.full((dim,), 0.1))
        self.temperature = nn.Parameter(torch.randn(()))
        self.batch_norm = nn.BatchNorm1d(dim)
        self.register_buffer("scratch", torch.rand(3), persistent=False)
        self.head = nn.Linear(dim, classes)

    def forward(self, images: Tensor) -> Tensor:  # (batch, channel, h, w) -> (batch, class)
        x = self.embed(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1)
        y = self.norm(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        x = x + self.scale * self.down(torch.relu(self.up(x)))
        return self.head(self.batch_norm(x[:, 0])) * (1 + self.temperature * 0)


def odd(*, classes: int, image_shape: tuple[int, int, int], dim: int = 8) -> nn.Module:
    return Odd(classes, image_shape[0], dim)


def several(*, classes: int, image_shape: tuple[int, int, int]) -> nn.Module:
    pixels = image_shape[0] * image_shape[1] * image_shape[2]
    return nn.Sequential(nn.Flatten(), nn.Linear(pixels, 8), nn.ReLU(), nn.Linear(8, classes))


NAME = f"{__name__}:odd"
networks.register(NAME, odd)


def build(seed: int = 0, **arguments: int) -> nn.Module:
    return networks.build(NAME, classes=5, channels=1, image_size=8, seed=seed, **arguments)


def test_masked_are_the_weights_of_convolutions_linear_layers_and_attention() -> None:
    assert list(maskable(build())) == [
        "embed.weight",
        "attention.in_proj_weight",
        "attention.out_proj.weight",
        "up.weight",  # and down.weight, which is the same
        "head.weight",
    ]
    assert networks.classifier(build(), 5) == "head.weight"
    assert networks.classifier(build(), 7) is None


def test_the_other_parameters_are_neutral_or_drawn() -> None:
    rest = unmasked(build())

    for name, value in rest.items():
        if name.endswith("bias"):
            assert value.count_nonzero() == 0
    assert (rest["norm.weight"] == 1).all()
    assert (rest["batch_norm.weight"] == 1).all()
    assert (rest["scale"] == torch.tensor(0.1)).all()
    assert 0.005 < float(rest["token"].detach().std()) < 0.06
    assert not torch.equal(rest["token"], unmasked(build(seed=1))["token"])


def test_every_number_follows_from_the_seed_whatever_pytorchs_random_state() -> None:
    torch.manual_seed(1)
    first = networks.bare(build()).state_dict()
    torch.manual_seed(2)
    second = networks.bare(build()).state_dict()

    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_names_are_those_of_the_bare_module_and_normalisation_comes_first() -> None:
    wrapped = networks.build(
        NAME, classes=5, channels=1, image_size=8, mean=[0.5], std=[0.25]
    ).eval()
    images = torch.rand(2, 1, 8, 8)

    assert isinstance(networks.bare(wrapped), Odd)
    torch.testing.assert_close(wrapped(images), networks.bare(wrapped)((images - 0.5) / 0.25))


def test_a_sequential_module_keeps_its_names() -> None:
    name = f"{__name__}:several"
    networks.register(name, several)
    network = networks.build(name, classes=5, channels=1, image_size=8)

    assert list(maskable(network)) == ["1.weight", "3.weight"]
    assert [n for n, _ in network.named_children()] == ["normalise", "0", "1", "2", "3"]


def test_arguments_are_filled_in_checked_and_reach_the_module() -> None:
    assert st.NetworkRecipe(NAME).arguments == {"dim": 8}
    assert maskable(build(dim=4))["head.weight"].shape == (5, 4)
    with pytest.raises(InputError, match="unknown argument of network .*'dmi'; did you mean 'dim'"):
        st.NetworkRecipe(NAME, arguments={"dmi": 4})
    with pytest.raises(InputError, match="network.arguments.dim must be of type int, got 4.5"):
        st.NetworkRecipe(NAME, arguments={"dim": 4.5})
    with pytest.raises(InputError, match="has no width"):
        st.NetworkRecipe(NAME, width=4)


def test_a_ticket_of_it_is_drawn_saved_and_rebuilt(few_digits: st.Data, tmp_path: Path) -> None:
    learning = st.LearningRecipe(epochs=1, batch_size=64)
    attack = st.AttackRecipe("fgsm", 0.1)
    ticket = st.draw_ticket(few_digits, odd, ratio=0.3, attack=attack, learning=learning)
    dense = st.train_network(few_digits, odd, attack=attack, learning=learning)
    images = torch.rand(3, 1, 8, 8)

    for made in (ticket, dense):
        made.save(tmp_path / "file")
        loaded = st.Ticket.load(tmp_path / "file")
        assert torch.equal(loaded.build()(images), made.build()(images))
        assert loaded.to_bytes() == made.to_bytes()
    built = dict(networks.bare(ticket.build()).named_parameters())
    start = dict(networks.bare(ticket.random_network()).named_parameters())
    assert all(torch.equal(built[n], start[n]) for n in unmasked(ticket.random_network()))
    trained = dict(networks.bare(dense.build()).named_parameters())
    assert not torch.equal(trained["norm.weight"], start["norm.weight"])
    assert not torch.equal(trained["token"], start["token"])


def with_spare(*, classes: int, image_shape: tuple[int, int, int]) -> nn.Module:
    module = several(classes=classes, image_shape=image_shape)
    module[0].register_module("spare", nn.Linear(3, 3))  # of which the logits know nothing
    return module


def test_a_layer_that_is_not_used_is_no_obstacle(few_digits: st.Data) -> None:
    learning = st.LearningRecipe(epochs=1, batch_size=128)
    attack = st.AttackRecipe("fgsm", 0.1)

    ticket = st.draw_ticket(few_digits, with_spare, attack=attack, learning=learning)
    tuned = st.train_network(few_digits, start=ticket, attack=attack, learning=learning)

    assert "0.spare.weight" in ticket.mask
    assert tuned.mask == ticket.mask


def test_a_file_never_imports_the_code_it_names(
    few_digits: st.Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n"
        "def small(*, classes, image_shape):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, classes))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    networks.import_factory("mine:small")
    learning = st.LearningRecipe(epochs=1, batch_size=256)
    attack = st.AttackRecipe("none")
    ticket = st.draw_ticket(few_digits, "mine:small", attack=attack, learning=learning)
    ticket.save(tmp_path / "file")
    monkeypatch.delitem(networks.NETWORKS, "mine:small")

    with pytest.raises(st.ScratchticketError, match="name it with --network mine:small"):
        st.Ticket.load(tmp_path / "file")

    networks.import_factory("mine:small")
    assert st.Ticket.load(tmp_path / "file").mask == ticket.mask


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module_here:net", "cannot import 'no_such_module_here'"),
        ("math:net", "module 'math' has no network 'net'"),
        ("math:pi", "is not a function that makes a network"),
        (":net", "module '' has no network 'net'"),
    ],
)
def test_code_that_is_not_there_is_named(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        networks.import_factory(name)


def test_a_layer_that_occurs_twice_stays_in_both_places() -> None:
    relu = nn.ReLU()

    def twice(*, classes: int, image_shape: tuple[int, int, int]) -> nn.Module:
        first, last = nn.Linear(64, 8), nn.Linear(8, classes)
        return nn.Sequential(nn.Flatten(), first, relu, nn.Linear(8, 8), relu, last)

    networks.register("twice", twice)
    network = networks.build("twice", classes=3, channels=1, image_size=8)
    images = torch.rand(2, 1, 8, 8)

    by_hand = images.flatten(1)
    for name in ("1", "3", "5"):
        by_hand = network.get_submodule(name)(by_hand if name == "1" else relu(by_hand))
    torch.testing.assert_close(network(images), by_hand)


@pytest.mark.parametrize("child", ["normalise", "network"])
def test_a_child_of_a_reserved_name_is_no_trap(child: str, few_digits: st.Data) -> None:
    def reserved(*, classes: int, image_shape: tuple[int, int, int]) -> nn.Module:
        inner = nn.Sequential(nn.Flatten(), nn.Linear(64, classes))
        module = nn.Sequential()
        module.add_module(child, inner)
        return module

    networks.register(f"reserved-{child}", reserved)
    learning = st.LearningRecipe(epochs=1, batch_size=256)
    ticket = st.draw_ticket(
        few_digits, f"reserved-{child}", attack=st.AttackRecipe("none"), learning=learning
    )

    assert list(ticket.mask) == [f"{child}.1.weight"]
    assert st.Ticket.from_bytes(ticket.to_bytes()).mask == ticket.mask


def test_arguments_without_a_default_must_be_given() -> None:
    def needy(*, classes: int, image_shape: tuple[int, int, int], hidden: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, hidden), nn.Linear(hidden, classes))

    networks.register("needy", needy)
    with pytest.raises(InputError, match="network needy needs network.arguments.hidden"):
        st.NetworkRecipe("needy")
    made = networks.build("needy", classes=3, channels=1, image_size=8, hidden=5)
    assert maskable(made)["1.weight"].shape == (5, 64)
    with pytest.raises(InputError, match="network needy cannot be built: "):
        networks.build("needy", classes=3, channels=1, image_size=8, hidden=-5)


def test_defining_a_function_anew_replaces_it_and_one_without_a_name_is_refused() -> None:
    def again(*, classes: int, image_shape: tuple[int, int, int]) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, classes))

    first = again
    networks.register("again", first)

    def again(*, classes: int, image_shape: tuple[int, int, int]) -> nn.Module:  # type: ignore[no-redef]
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Linear(8, classes))

    networks.register("again", again)
    assert networks.NETWORKS["again"] is again
    assert networks.name_of(odd) == NAME
    for nameless in (partial(odd, dim=4), again):
        with pytest.raises(InputError, match="must have a name"):
            networks.name_of(nameless)


def test_a_volume_network_can_be_drawn(few_digits: st.Data) -> None:
    def volume(*, classes: int, image_shape: tuple[int, int, int]) -> nn.Module:
        convolution = nn.Conv3d(1, 4, 3, padding=1, bias=False)
        return nn.Sequential(nn.Unflatten(1, (1, 1)), convolution, nn.Flatten(), nn.Linear(256, 10))

    networks.register("volume", volume)
    learning = st.LearningRecipe(epochs=1, batch_size=128)
    ticket = st.draw_ticket(
        few_digits, "volume", attack=st.AttackRecipe("fgsm", 0.1), learning=learning
    )

    assert ticket.mask["1.weight"].shape == (4, 1, 3, 3, 3)


def test_a_name_cannot_stand_for_two_networks() -> None:
    with pytest.raises(InputError, match="another network named 'resnet18'"):
        networks.register("resnet18", odd)


def test_a_factory_that_makes_no_module_is_refused() -> None:
    networks.register("none", lambda *, classes, image_shape: 7)
    try:
        with pytest.raises(InputError, match="returned int, not a module"):
            networks.build("none", classes=2)
    finally:
        del networks.NETWORKS["none"]


def test_timm_says_what_is_missing_where_it_cannot_be_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)  # as if it were not installed

    with pytest.raises(InputError, match="needs timm, which cannot be imported here"):
        networks.import_factory("timm:vit_tiny_patch16_224")
