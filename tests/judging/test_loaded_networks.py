"""Which network a file holds, and what an evaluation says of it."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from linear_networks import known_data
from torch import Tensor, nn

import scratchticket as st
from scratchticket import networks
from scratchticket.base.errors import InputError, TicketError
from scratchticket.judging.subject import (
    Subject,
    drawn_under,
    holds_ticket,
    make_subject,
    module_subject,
    state_dict,
)
from scratchticket.networks import NETWORKS
from scratchticket.tickets.container import KEY


def linear(classes: int = 5) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, classes))


@pytest.fixture
def registered() -> Iterator[Callable[[Any], str]]:
    """A function that gives a factory a name for the time of a test."""
    names = []

    def register(factory: Any) -> str:
        names.append(f"of-this-test-{len(names)}")
        networks.register(names[-1], factory)
        return names[-1]

    yield register
    for name in names:
        NETWORKS.pop(name)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file of random weights for :func:`linear`."""
    torch.save(linear().state_dict(), tmp_path / "net.pt")
    return tmp_path / "net.pt"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            b"no ticket, but what else should it be",
            True,
        ),  # the reader of tickets says what is wrong
        (b"", True),
        (pickle.dumps({}), False),
        (safetensors.torch.save({"weight": torch.zeros(2)}), False),
        (safetensors.torch.save({"weight": torch.zeros(2)}, {KEY: "{}"}), True),
        (safetensors.torch.save({"w": torch.tensor(list(f'"{KEY}"'.encode())).byte()}), False),
    ],
    ids=["text", "nothing", "pickle", "safetensors", "with a key", "with a key among its numbers"],
)
def test_a_ticket_is_known_by_the_header_of_its_file(
    tmp_path: Path, content: bytes, expected: bool
) -> None:
    (tmp_path / "file").write_bytes(content)

    assert holds_ticket(tmp_path / "file") == expected


def test_files_of_pytorch_hold_no_ticket_and_tickets_do(
    weights: Path, ticket: st.Ticket, tmp_path: Path
) -> None:
    ticket.save(tmp_path / "ticket.safetensors")

    assert not holds_ticket(weights)
    assert holds_ticket(tmp_path / "ticket.safetensors")


def test_a_ticket_is_judged_as_it_is_and_where_it_was_drawn(
    ticket: st.Ticket, digits: st.Data, tmp_path: Path
) -> None:
    ticket.save(path := tmp_path / "mine.safetensors")
    images = digits.test.images[:20] / 255

    subject = make_subject(path, ticket, digits)

    assert (subject.epsilon, subject.norm) == ("0.1", "linf")
    assert subject.description == {
        "file": "mine.safetensors",
        "sha256": sha256(path.read_bytes()).hexdigest(),
        "network": "resnet18",
        "kept": ticket.mask.kept,
        "of": ticket.mask.total,
    }
    assert not subject.network.training
    assert torch.equal(subject.network(images), ticket.build()(images))
    with pytest.raises(InputError, match="normalises its input itself; leave out --normalise"):
        make_subject(path, ticket, digits, normalise=True)
    with pytest.raises(TicketError, match="the ticket takes images of shape"):
        make_subject(path, ticket, halved(digits))
    named = replace(ticket, classes=tuple("abcdefghij"))
    with pytest.raises(TicketError, match="class 0 is 'a' in the ticket and 'j' in digits"):
        make_subject(path, named, replace(digits, classes=named.classes[::-1]))


def halved(data: st.Data) -> st.Data:
    """Return the data with images of half the height."""
    parts = {name: getattr(data, name) for name in ("train", "validation", "test")}
    upper = {name: replace(part, images=part.images[:, :, :4]) for name, part in parts.items()}
    return replace(data, **upper)


@pytest.mark.parametrize(
    ("attack", "expected"),
    [
        ({"epsilon": "2", "norm": "l2"}, ("2", "l2")),
        ({"epsilon": 0.1, "norm": "linf"}, ("0.1", "linf")),
        ({"epsilon": "0.1", "norm": "l7"}, ("0.1", "linf")),
        ({"epsilon": "0.1"}, ("8/255", "linf")),
        (None, ("8/255", "linf")),
    ],
)
def test_what_a_ticket_was_drawn_under_is_in_its_provenance(
    attack: Any, expected: tuple[str, str]
) -> None:
    assert drawn_under({"recipe": {"attack": attack}}) == expected
    assert drawn_under({}) == ("8/255", "linf")


@pytest.mark.parametrize("normalise", [False, True])
def test_a_network_of_ones_own_gets_its_weights_and_what_is_put_in_front(
    registered: Callable[[Any], str], weights: Path, normalise: bool
) -> None:
    data, name = known_data(), registered(linear)
    state = torch.load(weights)
    given = data.test.images / 255
    if normalise:
        given = (given - data.mean[0]) / data.std[0]
    logits = given.flatten(1) @ state["2.weight"].T + state["2.bias"]

    subject = module_subject(name, weights, data, normalise)

    torch.testing.assert_close(subject.network(data.test.images / 255), logits)
    assert (subject.epsilon, subject.norm) == ("8/255", "linf")
    assert subject.description == {
        "file": "net.pt",
        "sha256": sha256(weights.read_bytes()).hexdigest(),
        "network": name,
        "normalise": normalise,
    }
    assert make_subject(
        weights, None, data, network=name, normalise=normalise
    ).description == subject.description  # fmt: skip


def test_a_factory_is_told_what_it_asks_for(
    registered: Callable[[Any], str], weights: Path
) -> None:
    told = []

    def neither() -> nn.Module:
        told.append(())
        return linear()

    def both(image_shape: tuple[int, ...], classes: int) -> nn.Module:
        told.append((image_shape, classes))
        return linear(classes)

    def anything(**settings: Any) -> nn.Module:
        told.append(settings)
        return linear()

    for factory in (neither, both, anything):
        module_subject(registered(factory), weights, known_data())

    assert told == [(), ((1, 8, 8), 5), {"image_shape": (1, 8, 8), "classes": 5}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: {"2.weight": state["2.weight"]}, "net.pt lacks 2.bias$"),
        (lambda state: state | {"a": state["2.bias"], "b": state["2.bias"]},
         "net.pt has a and 1 more, which the network does not have"),
        (lambda state: state | {"2.bias": torch.zeros(6)},
         r"net.pt: 2.bias has shape \(6,\), the network's \(5,\)"),
        (lambda state: state | {"2.bias": 3}, "holds no state dict: '2.bias' is not a tensor"),
        (lambda state: state | {2: state["2.bias"]}, "holds no state dict: '2' is not a tensor"),
        (lambda state: {}, "net.pt holds no state dict, but dict"),
        (lambda state: list(state.values()), "net.pt holds no state dict, but list"),
        (lambda state: {"model": {}}, "net.pt holds no state dict, but dict"),
    ],
)  # fmt: skip
def test_weights_that_do_not_fit_are_told_by_name(
    registered: Callable[[Any], str],
    weights: Path,
    change: Callable[[dict[str, Tensor]], Any],
    message: str,
) -> None:
    torch.save(change(torch.load(weights)), weights)

    with pytest.raises(InputError, match=message):
        module_subject(registered(linear), weights, known_data())


def test_a_network_with_too_few_classes_or_without_a_name_is_refused(
    registered: Callable[[Any], str], tmp_path: Path
) -> None:
    torch.save(linear(4).state_dict(), path := tmp_path / "net.pt")

    with pytest.raises(InputError, match="the network has 4 classes, but the data have 5"):
        module_subject(registered(lambda: linear(4)), path, known_data())
    with pytest.raises(InputError, match="net.pt holds no ticket; name its network with --network"):
        make_subject(path, None, known_data())


class Evil:
    """What a pickle can do to whoever loads it."""

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("burgled"),)


def test_state_dicts_are_read_from_either_format_and_no_code_is_run(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    state = torch.load(weights)
    safetensors.torch.save_file(state, tmp_path / "net.safetensors")
    torch.save(state, tmp_path / "old.pt", _use_new_zipfile_serialization=False)

    for name in ("net.pt", "net.safetensors", "old.pt"):
        read = state_dict(tmp_path / name)
        assert read.keys() == state.keys()
        assert all(torch.equal(read[key], value) for key, value in state.items())
    whole = (tmp_path / "net.safetensors").read_bytes()
    for content in (pickle.dumps(Evil()), whole[:-3], b"words", b""):
        (tmp_path / "bad.pt").write_bytes(content)
        with pytest.raises(InputError, match="bad.pt holds no state dict: "):
            state_dict(tmp_path / "bad.pt")
    assert not (tmp_path / "burgled").exists()


def test_a_subject_that_says_nothing_was_made_for_the_usual_ball() -> None:
    subject = Subject(linear(), {})

    assert (subject.epsilon, subject.norm) == ("8/255", "linf")
