"""What is exported computes what the ticket does, wherever it is run."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

import scratchticket as st
from scratchticket import networks
from scratchticket.base.errors import InputError, ScratchticketError
from scratchticket.data import pixels
from scratchticket.export import TicketGraph, export
from scratchticket.masks import Mask
from scratchticket.networks import bare

onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def tickets(few_digits: st.Data) -> list[st.Ticket]:
    """Three tickets of one network, each with masks and statistics of its own."""
    small = st.NetworkRecipe("resnet18", width=2)
    quick = st.LearningRecipe(epochs=1, batch_size=128)
    attack = st.AttackRecipe(epsilon=0.1, steps=1)
    return [
        st.draw_ticket(few_digits, small, ratio=ratio, learning=quick, attack=attack)
        for ratio in (0.1, 0.3, 0.7)
    ]


@pytest.fixture(scope="module")
def images(digits: st.Data) -> Tensor:
    """Real images, as pixels in [0, 1]."""
    return pixels(digits.test.images[:40])


def session(path: Path) -> Callable[..., np.ndarray]:
    """Return what runs an ONNX file."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # its threads spin
    opened = onnxruntime.InferenceSession(str(path), options)

    def run(some: Tensor, **more: int) -> np.ndarray:
        fed = {name: np.array(value) for name, value in more.items()}
        (logits,) = opened.run(None, {"images": some.numpy()} | fed)
        return np.asarray(logits)

    return run


def test_a_graph_is_each_of_its_tickets_to_the_bit(
    tickets: list[st.Ticket], images: Tensor, dense: st.Ticket, ticket: st.Ticket
) -> None:
    graph = TicketGraph(tickets)
    for index, one in enumerate(tickets):
        assert torch.equal(graph(images, torch.tensor(index)), one.build()(images))
    for single in (dense, ticket):  # stored weights, which are not signed constants, and a mask
        assert torch.equal(TicketGraph([single])(images), single.build()(images))
    assert not list(graph.parameters())


def test_onnx_is_the_ticket(tickets: list[st.Ticket], images: Tensor, tmp_path: Path) -> None:
    done = export(tickets[:1], tmp_path / "one.onnx", "onnx")

    run, network = session(done.path), tickets[0].build()
    for count in (1, 7, 40):
        wanted = network(images[:count]).numpy()
        np.testing.assert_allclose(run(images[:count]), wanted, atol=1e-5, rtol=0)
    assert done.difference <= 1e-5
    assert done.size == done.path.stat().st_size
    told = onnxruntime.InferenceSession(str(done.path)).get_modelmeta().custom_metadata_map
    assert json.loads(told["classes"]) == list(tickets[0].classes)
    assert str(Path.cwd()).encode() not in done.path.read_bytes()  # nor where it was made
    assert b"site-packages" not in done.path.read_bytes()


def test_batch_norm_on_the_logits_is_exported_with_its_statistics(
    few_digits: st.Data, images: Tensor, tmp_path: Path
) -> None:
    ticket = st.draw_ticket(
        few_digits,
        st.NetworkRecipe("resnet18", width=2, logit_gain=2),
        ratio=0.3,
        learning=st.LearningRecipe(epochs=1, batch_size=128),
        attack=st.AttackRecipe(epsilon=0.1, steps=1),
    )
    path = tmp_path / "ticket.onnx"
    export([ticket], path, "onnx")

    logits = torch.from_numpy(session(path)(images))
    torch.testing.assert_close(logits, ticket.build()(images).detach(), rtol=1e-3, atol=1e-4)
    assert float(logits.std(0).mean()) > 0.5  # the gain is in it


def test_integer_weights_are_two_bits_each(
    tickets: list[st.Ticket], images: Tensor, tmp_path: Path
) -> None:
    import onnx

    done = export(tickets[:1], tmp_path / "integer.onnx", "onnx", integer=True)

    np.testing.assert_allclose(
        session(done.path)(images), tickets[0].build()(images).numpy(), atol=1e-5, rtol=0
    )
    held = onnx.load(done.path).graph.initializer
    floats = [t for t in held if t.data_type == onnx.TensorProto.FLOAT]
    statistics = sum(statistic.numel() for statistic in tickets[0].statistics.values())
    assert sum(int(np.prod(t.dims)) for t in floats) <= statistics + 2  # and mean and std
    weights = tickets[0].mask.total
    packed = sum(int(np.prod(t.dims)) for t in held if t.data_type == onnx.TensorProto.UINT8)
    assert packed <= 2 * weights / 8 + 2 * len(tickets[0].mask)


def test_a_switch_is_one_graph_with_its_weights_once(
    tickets: list[st.Ticket], images: Tensor, tmp_path: Path
) -> None:
    import onnx

    done = export(tickets, tmp_path / "switch.onnx", "onnx")

    run = session(done.path)
    for index, one in enumerate(tickets):
        wanted = one.build()(images).numpy()
        np.testing.assert_allclose(run(images, ticket=index), wanted, atol=1e-5, rtol=0)
    held = onnx.load(done.path).graph.initializer
    packed = sum(int(np.prod(t.dims)) for t in held if t.data_type == onnx.TensorProto.UINT8)
    bits = (len(tickets) + 1) * (tickets[0].mask.total / 8 + len(tickets[0].mask))
    assert packed <= bits


@pytest.mark.parametrize("count", [1, 3])
def test_a_program_of_torch_runs_without_this_package(
    count: int, tickets: list[st.Ticket], images: Tensor, tmp_path: Path
) -> None:
    done = export(tickets[:count], tmp_path / "program.pt2", "torch")

    program = torch.export.load(done.path).module()
    for index, one in enumerate(tickets[:count]):
        index_of = (torch.tensor(index),) if count > 1 else ()
        torch.testing.assert_close(program(images, *index_of), one.build()(images))


def test_a_state_dict_has_the_networks_own_names(ticket: st.Ticket, tmp_path: Path) -> None:
    network = ticket.build()
    export([ticket], tmp_path / "dense.safetensors", "dense")
    export([ticket], tmp_path / "integer.safetensors", "dense", integer=True)

    plain = bare(ticket.random_network())
    plain.load_state_dict(safetensors.torch.load_file(tmp_path / "dense.safetensors"))
    for name, weight in plain.state_dict().items():
        assert torch.equal(weight, bare(network).state_dict()[name])
    integers = safetensors.torch.load_file(tmp_path / "integer.safetensors")
    for name in ticket.mask:
        assert integers[name].dtype == torch.int8
        assert integers[name].unique().tolist() == [-1, 0, 1]
        weight = integers[name] * integers[f"{name}.scale"]
        assert torch.equal(weight, network.get_parameter(name))


def test_what_cannot_be_exported_is_refused(
    tickets: list[st.Ticket], dense: st.Ticket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    five = replace(tickets[1], classes=tuple("abcdefghij"))
    for given, to, more, said in (
        (tickets[:1], "onx", {}, "did you mean 'onnx'"),
        ([], "onnx", {}, "no ticket"),
        ([dense], "onnx", {"integer": True}, "signed constants"),
        (tickets, "onnx", {"compact": True}, "one ticket"),
        (tickets, "dense", {}, "one ticket"),
        ([tickets[0], five], "onnx", {}, "same classes"),
        ([tickets[0], dense], "onnx", {}, "different networks"),
        (tickets[2:], "torch", {"compact": True}, "so none can be removed"),
        (
            tickets[:1],
            "torch",
            {"out": "x.onnx"},
            "a file for --to torch must end in .pt2, got 'x.onnx'",
        ),
    ):
        with pytest.raises(InputError, match=said):
            export(given, tmp_path / more.pop("out", "out"), to, **more)
        assert not out.exists()
    (tmp_path / "there").write_text("mine")
    with pytest.raises(InputError, match="exists"):
        export(tickets[:1], tmp_path / "there", "dense")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"scratchticket\[export\]"):
        export(tickets[:1], out, "onnx")


class Counting(nn.Module):
    """A network whose code fixes the number of images when it is traced."""

    def __init__(self, classes: int, inputs: int) -> None:
        super().__init__()
        self.head = nn.Linear(inputs, classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(images.reshape(len(images), -1))
        return logits + torch.zeros(len(images), 1)


def counting(*, classes: int, image_shape: tuple[int, int, int]) -> nn.Module:
    return Counting(classes, torch.Size(image_shape).numel())


@pytest.mark.parametrize("to", ["onnx", "torch"])
def test_a_network_that_counts_its_images_is_told_of(
    to: str, few_digits: st.Data, tmp_path: Path
) -> None:
    quick = st.LearningRecipe(epochs=1, batch_size=128)
    ticket = st.draw_ticket(few_digits, counting, learning=quick, ratio=0.5)

    with pytest.raises(InputError, match=r"cannot be exported|x\.shape\[0\]"):
        export([ticket], tmp_path / "out", to)
    assert not (tmp_path / "out").exists()


def test_a_file_that_computes_something_else_is_not_written(
    tickets: list[st.Ticket], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = replace(tickets[0], mask=Mask({n: ~m for n, m in tickets[0].mask.items()}))
    monkeypatch.setattr(st.Ticket, "build", lambda self: original(wrong), raising=True)

    with pytest.raises(ScratchticketError, match="differ by"):
        export(tickets[:1], tmp_path / "out.pt2", "torch", integer=True)
    assert not (tmp_path / "out.pt2").exists()


original = st.Ticket.build


class Tied(nn.Module):
    """Two layers of one weight."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(64, 64, bias=False), nn.Linear(64, 64, bias=False)
        self.down.weight = self.up.weight
        self.head = nn.Linear(64, classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(torch.relu(self.down(torch.relu(self.up(images.flatten(1))))))


def test_a_tied_weight_is_written_under_both_names(few_digits: st.Data, tmp_path: Path) -> None:
    networks.register("tied", lambda *, classes, image_shape: Tied(classes))
    try:
        ticket = st.draw_ticket(
            few_digits,
            "tied",
            ratio=0.5,
            attack=st.AttackRecipe("fgsm", "0.1"),
            learning=st.LearningRecipe(epochs=1, batch_size=128),
        )
        for integer in (False, True):
            export([ticket], tmp_path / f"{integer}.safetensors", "dense", integer=integer)
            state = safetensors.torch.load_file(tmp_path / f"{integer}.safetensors")
            assert torch.equal(state["up.weight"], state["down.weight"])
        module = Tied(10)
        dense = safetensors.torch.load_file(tmp_path / "False.safetensors")
        module.load_state_dict({name.removeprefix("network."): v for name, v in dense.items()})
        images = few_digits.test.images[:5] / 255
        mean, std = torch.tensor(ticket.mean), torch.tensor(ticket.std)
        torch.testing.assert_close(module((images - mean) / std), ticket.build()(images))
    finally:
        networks.NETWORKS.pop("tied")
