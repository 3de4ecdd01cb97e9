"""The ticket file rebuilds the network to the bit, and refuses everything else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as some

import scratchticket as st
from scratchticket.base.errors import InputError, TicketError
from scratchticket.data import pixels
from scratchticket.learning.searches import initial_scores
from scratchticket.masks import Mask, Pattern, Selector
from scratchticket.masks.pattern import GRANULARITIES
from scratchticket.networks import maskable
from scratchticket.networks import statistics as statistics_of
from scratchticket.tickets import load_tickets, save_tickets
from scratchticket.tickets.container import pack, unpack
from scratchticket.tickets.identity import fingerprint

INITS = list(st.networks.INITS)
KNOWN = Path(__file__).parent / "known"


def random_ticket(
    name: str, width: int, ratio: float, seed: int, pattern: Pattern = Pattern(), **more: Any
) -> st.Ticket:
    """Return a ticket with a random mask and random statistics.

    With ``score_seed`` the mask is the top of the initial scores, which its code knows.
    """
    arguments = {"depth": 10, "widen": 2} if name == "wide_resnet" else {}
    recipe = st.NetworkRecipe(name, width, more.pop("init", INITS[0]), arguments=arguments)
    network = st.networks.random_network(
        recipe, classes=3, image_shape=(2, 8, 8), seed=seed, mean=[0.5, 0.25], std=[0.5, 1]
    )
    draws = torch.Generator().manual_seed(seed)
    layers = maskable(network)
    statistics = statistics_of(network)
    select = Selector(pattern, ratio, {n: tuple(w.shape) for n, w in layers.items()}, "fc.weight")
    score_seed = more.get("score_seed")
    bits = select(
        {
            n: torch.rand(shape, generator=draws)
            if score_seed is None
            else initial_scores(score_seed, n, shape).abs()
            for n, shape in select.shapes.items()
        }
    )
    return st.Ticket(
        network=recipe,
        seed=seed,
        image_shape=(2, 8, 8),
        classes=("a", "b", "ç"),
        mean=(0.5, 0.25),
        std=(0.5, 1.0),
        mask=Mask({name: bits[name].expand(weight.shape) for name, weight in layers.items()}),
        statistics={n: torch.rand(b.shape, generator=draws) + 0.5 for n, b in statistics.items()},
        fingerprints={name: fingerprint(weight) for name, weight in layers.items()},
        provenance={"note": "made by a test"},
        **more,
    )


@settings(deadline=None, max_examples=25)
@given(
    some.sampled_from(["resnet18", "preact_resnet18", "wide_resnet", "conv4", "imagenet_resnet50"]),
    some.integers(1, 4),
    some.floats(0.01, 1),
    some.integers(0, 2**63 - 1),
    some.sampled_from([*GRANULARITIES, "2:4"]),
    some.sampled_from(INITS),
    some.one_of(some.none(), some.integers(0, 2**63 - 1)),
)
def test_loading_undoes_saving(  # noqa: PLR0917
    name: str,
    width: int,
    ratio: float,
    seed: int,
    granularity: str,
    init: str,
    score_seed: int | None,
) -> None:
    pattern = Pattern(granularity)
    ratio = 0.5 if pattern.groups else ratio
    ticket = random_ticket(name, width, ratio, seed, pattern, init=init, score_seed=score_seed)
    content = ticket.to_bytes()

    loaded = st.Ticket.from_bytes(content)

    assert loaded.mask == ticket.mask
    assert loaded.to_bytes() == content
    images = torch.rand(2, 2, 8, 8)
    assert torch.equal(loaded.build()(images), ticket.build()(images))


def test_a_drawn_ticket_survives_its_file(ticket: st.Ticket, tmp_path: Path) -> None:
    path = tmp_path / "ticket.safetensors"
    ticket.save(path)
    loaded = st.Ticket.load(path)

    images = torch.rand(4, 1, 8, 8)
    assert torch.equal(loaded.build()(images), ticket.build()(images))
    assert loaded.remaining_ratio == ticket.remaining_ratio
    assert loaded.to_bytes() == path.read_bytes()


def test_a_dense_network_is_stored_whole(dense: st.Ticket, tmp_path: Path) -> None:
    path = tmp_path / "network.safetensors"
    dense.save(path)
    loaded = st.Ticket.load(path)

    images = torch.rand(4, 1, 8, 8)
    assert loaded.remaining_ratio == 1.0
    assert torch.equal(loaded.build()(images), dense.build()(images))


def test_the_built_network_is_plain_frozen_and_in_eval_mode(
    ticket: st.Ticket, few_digits: st.Data
) -> None:
    network = ticket.build()
    images = pixels(few_digits.test.images)

    assert type(network) is torch.nn.Sequential
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert network(images).shape == (90, 10)
    assert torch.equal(network(images), network(images))
    zeros = torch.cat([p[~ticket.mask[n]] for n, p in network.named_parameters()])
    assert not torch.signbit(zeros).any()


@pytest.mark.parametrize("kind", ["element", "kernel", "global", "dense", "fine_tuned"])
def test_ternary_is_what_has_one_magnitude_a_layer(kind: str) -> None:
    (loaded,) = load_tickets(KNOWN / f"{kind}.safetensors")
    built = maskable(loaded.build())

    magnitudes = [weight[weight != 0].abs().unique() for weight in built.values()]

    assert loaded.ternary == all(len(values) == 1 for values in magnitudes)
    assert loaded.ternary == (kind in {"element", "global"})


def test_the_file_is_readable_safetensors_with_one_metadata_value(
    ticket: st.Ticket, tmp_path: Path
) -> None:
    ticket.save(tmp_path / "t.safetensors")

    with safetensors.safe_open(tmp_path / "t.safetensors", framework="pt") as file:
        assert set(file.keys()) == {"0/mask", "0/statistics"}
        assert list(file.metadata()) == ["scratchticket"]
        header = json.loads(file.metadata()["scratchticket"])
    assert header["format"] == 1
    assert header["tickets"][0]["seed"] == 5
    assert header["tickets"][0]["layers"][0]["name"] == "conv1.weight"


def test_no_flipped_bit_goes_unnoticed(ticket: st.Ticket) -> None:
    content = ticket.to_bytes()
    step = max(1, len(content) // 500)
    for position in [*range(300), *range(300, len(content), step), len(content) - 1]:
        damaged = bytearray(content)
        damaged[position] ^= 1 << (position % 8)
        with pytest.raises(TicketError):
            st.Ticket.from_bytes(bytes(damaged))


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 100, -1])
def test_a_cut_file_is_refused(ticket: st.Ticket, size: int) -> None:
    with pytest.raises(TicketError):
        st.Ticket.from_bytes(ticket.to_bytes()[:size])


def test_an_extended_file_is_refused(ticket: st.Ticket) -> None:
    with pytest.raises(TicketError):
        st.Ticket.from_bytes(ticket.to_bytes() + b"\0")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a ticket at all",
        b"\xff" * 64,
        safetensors.torch.save({"a": torch.zeros(2)}),
        safetensors.torch.save({"a": torch.zeros(2)}, {"scratchticket": '{"sha256":"x"}'}),
        (2**40).to_bytes(8, "little") + b"{}",
        (100_000).to_bytes(8, "little") + b"[" * 100_000,
    ],
)
def test_a_file_of_another_kind_is_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)

    with pytest.raises(TicketError, match="not a ticket file") as caught:
        st.Ticket.load(path)

    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def edited(ticket: st.Ticket, change: Callable[[dict[str, Any]], object]) -> bytes:
    """Return the ticket's file with its header changed and a valid hash."""
    header, tensors = unpack(ticket.to_bytes())
    change(header["tickets"][0])
    return pack(header, tensors)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h.pop("seed"), "wrong at 'seed': Field required"),
        (lambda h: h.update(seed=6), "weights of conv1.weight do not match"),
        (lambda h: h.update(seed=-6), "seed"),
        (lambda h: h.update(seed="5"), "wrong at 'seed'"),
        (lambda h: h.update(extra=1), "wrong at 'extra'"),
        (lambda h: h.update({"a\nb\x1b": 1}), r"wrong at 'a\\nb\\x1b'"),
        (lambda h: h["layers"].append(h["layers"][0]), "layers are not those"),
        (lambda h: h["statistics"].reverse(), "statistics are not those"),
        (lambda h: h["network"].update(init="xavier"), "unknown init 'xavier'"),
        (lambda h: h.update(std=[0.0]), "standard deviation is not positive"),
        (lambda h: h.update(std=[], mean=[]), "normalisation and channels disagree"),
        (lambda h: h.update(std=[-1.0]), "standard deviation is not positive"),
        (lambda h: h.update(std=[1e-320]), "standard deviation is not positive"),
        (lambda h: h.update(mean=[1e300]), "mean is out of range"),
        (lambda h: h.update(classes=["a"] * 10), "two classes have one name"),
        (lambda h: h["network"].pop("fan_scale"), "network lacks a setting"),
        (lambda h: h["network"].update(fan_scale="1/3"), "do not match"),
        (lambda h: h.update(score_seed=None), "no seed for them"),
        (lambda h: h.update(score_seed=6), "damaged"),
        (lambda h: h["network"].update(name="resnet"), "did you mean 'resnet18'"),
        (lambda h: h["network"].update(width=5), "layers are not those of resnet18"),
        (lambda h: h["network"].update(fan_scale="ratio"), "fan_scale must be a number"),
        (lambda h: h["network"].update(arguments={"depth": 4}), "unknown argument of network"),
        (lambda h: h["network"].update(name="a:b"), "name it with --network a:b"),
        (lambda h: h["layers"][0].update(bits=[4, 1, 2, 3]), "a mask does not fit its layer"),
        (lambda h: h["layers"][0].update(bits=[4, 1, 3]), "a mask does not fit its layer"),
        (lambda h: h["layers"][0].update(bits=[1, 1, 1, 1]), "kept count is out of range"),
        (lambda h: h["unmasked"].append({"name": "b", "fingerprint": ""}), "unmasked parameters"),
        (lambda h: h["network"].update(width=4096), "layers are not those"),
        (lambda h: h["layers"].pop(), "layers are not those"),
        (lambda h: h["layers"][0].update(kept=1), "damaged"),
        (lambda h: h["layers"][0].update(kept=0), "kept count is out of range"),
        (lambda h: h["layers"][0].update(shape=[2**40, 1, 3, 3]), "empty or too large"),
        (lambda h: h["layers"][0].update(shape=[-4, -1, 3, 3]), "empty or too large"),
        (lambda h: h["statistics"].pop(), "statistics are not those"),
        (lambda h: h.update(lanes=0), "impossible numbers"),
        (lambda h: h.update(lanes=10**9), "impossible numbers"),
        (lambda h: h.update(weights="stored"), "no tensor 'weights'"),
        (lambda h: h.update(mean=[0.0, 0.0]), "normalisation and channels disagree"),
        (lambda h: h.update(classes=[*"abcdefghi"]), "layers are not those"),
    ],
)
def test_an_inconsistent_header_is_refused(
    ticket: st.Ticket, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    with pytest.raises(TicketError, match=message):
        st.Ticket.from_bytes(edited(ticket, change))


def test_a_network_that_cannot_be_built_is_refused_in_one_line() -> None:
    header, tensors = unpack((KNOWN / "two_of_four.safetensors").read_bytes())
    header["tickets"][0]["image_shape"] = [1, 3, 3]  # is pooled away

    with pytest.raises(TicketError, match="network conv4 cannot be built: ") as caught:
        st.Ticket.from_bytes(pack(header, tensors))

    assert "\n" not in str(caught.value)


def test_provenance_may_hold_hashes_and_is_bounded(ticket: st.Ticket) -> None:
    hashes = {"sha256": "0" * 64, "data_sha256": "ab" * 32}
    loaded = st.Ticket.from_bytes(replace(ticket, provenance=hashes).to_bytes())
    assert loaded.provenance == hashes

    with pytest.raises(TicketError, match="provenance included, is too large"):
        replace(ticket, provenance={"note": "x" * 2**24}).to_bytes()


def test_a_header_with_nan_or_deep_nesting_is_refused(ticket: st.Ticket) -> None:
    content = ticket.to_bytes()
    for value in ("NaN", "[" * 50_000 + "]" * 50_000):
        start = content.index(b'"{') + 1
        text = content[8 : 8 + int.from_bytes(content[:8], "little")].decode()
        broken = text.replace('"{', '"{\\"more\\":' + value + ",", 1).encode()
        assert start
        with pytest.raises(TicketError):
            st.Ticket.from_bytes(len(broken).to_bytes(8, "little") + broken)


def test_statistics_that_are_not_finite_are_refused(ticket: st.Ticket) -> None:
    broken = {n: s / 0 for n, s in ticket.statistics.items()}

    with pytest.raises(TicketError, match="are not finite"):
        st.Ticket.from_bytes(replace(ticket, statistics=broken).to_bytes())


def test_a_ticket_from_python_says_how_it_came_to_be(ticket: st.Ticket) -> None:
    assert ticket.provenance["recipe"]["ratio"] == "0.3"
    assert ticket.provenance["recipe"]["attack"]["epsilon"] == "0.1"
    assert ticket.provenance["epoch"] in (1, 2)


@pytest.mark.parametrize("name", ["surplus", "0/surplus", "1/mask", "00/mask", "/mask", "٠/mask"])
def test_an_unknown_tensor_is_refused(ticket: st.Ticket, name: str) -> None:
    header, tensors = unpack(ticket.to_bytes())

    with pytest.raises(TicketError, match="unknown tensor"):
        st.Ticket.from_bytes(pack(header, tensors | {name: torch.zeros(1)}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "ticket format 2 is not known"),
        ({"format": None}, "ticket format None is not known"),
        ({"tickets": []}, "0 tickets"),
        ({"tickets": {}}, "list of tickets"),
        ({"tickets": [7]}, "header is wrong"),
        ({"more": 1}, "list of tickets"),
    ],
)
def test_an_inconsistent_file_header_is_refused(
    ticket: st.Ticket, change: dict[str, object], message: str
) -> None:
    header, tensors = unpack(ticket.to_bytes())

    with pytest.raises(TicketError, match=message):
        st.Ticket.from_bytes(pack(header | change, tensors))


def test_several_tickets_of_one_network_share_a_file(tmp_path: Path) -> None:
    tickets = [random_ticket("resnet18", 2, ratio, seed=4) for ratio in (0.1, 0.3, 1)]
    path = tmp_path / "set.safetensors"
    save_tickets(tickets, path)

    for index, ticket in enumerate(tickets):
        alone = st.Ticket.load(path, index)
        assert alone.mask == ticket.mask
        assert alone.to_bytes() == ticket.to_bytes()
    assert [loaded.mask for loaded in load_tickets(path)] == [t.mask for t in tickets]
    with pytest.raises(InputError, match="holds 3 tickets; say which, from 0 to 2"):
        st.Ticket.load(path)
    for index in (3, -1):
        with pytest.raises(InputError, match=f"no ticket {index}; the file holds 3"):
            st.Ticket.load(path, index)


def test_tickets_of_different_networks_do_not_share_a_file(tmp_path: Path) -> None:
    first, second = (random_ticket("resnet18", 2, 0.3, seed) for seed in (4, 5))

    with pytest.raises(InputError, match="different networks: conv1.weight differs"):
        save_tickets([first, second], tmp_path / "set.safetensors")
    with pytest.raises(InputError, match="at least one ticket"):
        save_tickets([], tmp_path / "set.safetensors")
    assert not list(tmp_path.iterdir())


def test_changed_statistics_of_a_resealed_file_are_what_is_loaded(ticket: st.Ticket) -> None:
    # A hash proves that a file is whole, not who made it: whoever reseals it may change statistics.
    moved = replace(ticket, statistics={n: s + 1 for n, s in ticket.statistics.items()})

    loaded = st.Ticket.from_bytes(moved.to_bytes())

    name = next(iter(ticket.statistics))
    assert torch.equal(loaded.statistics[name], ticket.statistics[name] + 1)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"no such ticket file: {tmp_path}/none"):
        st.Ticket.load(tmp_path / "none")
    with pytest.raises(InputError, match="cannot read ticket file"):
        st.Ticket.load(tmp_path)


def test_data_of_another_shape_or_class_count_is_refused(ticket: st.Ticket) -> None:
    with pytest.raises(TicketError, match=r"takes images of shape \(1, 8, 8\), those of x have"):
        ticket.check_data((3, 32, 32), tuple("0123456789"), "x")
    with pytest.raises(TicketError, match="has 10 classes, x has 100"):
        ticket.check_data((1, 8, 8), tuple(map(str, range(100))), "x")
    letters = replace(ticket, classes=tuple("abcdefghij"))
    letters.check_data((1, 8, 8), tuple("0123456789"), "unnamed")
    with pytest.raises(TicketError, match="class 1 is 'b' in the ticket and 'c' in x"):
        letters.check_data((1, 8, 8), tuple("acbdefghij"), "x")


def test_a_tickets_repr_is_one_line(ticket: st.Ticket) -> None:
    kept, total = ticket.mask.kept, ticket.mask.total
    told = f"Ticket(resnet18, {kept:,} of {total:,} weights, images 1x8x8, 10 classes)"
    assert repr(ticket) == told


def test_images_of_another_shape_are_refused(ticket: st.Ticket) -> None:
    for shape in ((1, 3, 8, 8), (8, 8), (2, 8, 8)):
        with pytest.raises(InputError, match=r"takes images of shape \(batch, 1, height, width\)"):
            ticket.build()(torch.rand(shape))
