"""The verbs transfer and switch evaluate."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
import torch

import scratchticket as st
from scratchticket.judging.switches import unique_names
from scratchticket.networks import NETWORKS
from scratchticket.tickets import save_tickets
from test_cli import call

QUICK: dict[str, Any] = {
    "attack": st.AttackRecipe("fgsm", epsilon="0.1"),
    "learning": st.LearningRecipe(epochs=2, batch_size=64),
}
FEW = ("--data", "digits", "--images", "10", "--quiet")
SMALL = st.NetworkRecipe("conv4", width=4)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, few_digits: st.Data) -> Path:
    """A folder with tickets of one network, of another one, and a dense network."""
    home = tmp_path_factory.mktemp("tickets")
    for ratio in ("0.2", "0.5"):
        ticket = st.draw_ticket(few_digits, SMALL, ratio=ratio, **QUICK)
        ticket.save(home / f"{ratio}.safetensors")
    st.draw_ticket(few_digits, SMALL, ratio="0.5", seed=1, **QUICK).save(home / "1.safetensors")
    st.train_network(few_digits, SMALL, **QUICK).save(home / "dense.safetensors")
    save_tickets(
        [st.Ticket.load(home / f"{r}.safetensors") for r in ("0.2", "0.5")],
        home / "two.safetensors",
    )
    return home


@pytest.fixture
def path(files: Path) -> Callable[[str], Path]:
    return lambda name: files / f"{name}.safetensors"


def test_the_transfer_matrix_in_every_mode(path: Callable[[str], Path], tmp_path: Path) -> None:
    words = ("transfer", path("0.2"), path("1"), path("dense"), *FEW, "--out", tmp_path / "out")

    code, out, _ = call(*words)
    record = json.loads((tmp_path / "out" / "record.json").read_text())

    assert code == 0
    assert "pgd-20, linf, 0.1; stops at the first success; % correct of 10" in out
    assert record["networks"] == ["0.2", "1", "dense"]
    assert [matrix["stops"] for matrix in record["matrices"]] == [True, False, False, False]
    for matrix in record["matrices"]:
        counts = [matrix["rows"][r][c] for r in record["networks"] for c in record["networks"]]
        assert len(counts) == 9
        assert matrix["mean"] == pytest.approx(sum(counts) / 90)
        assert all(0 <= count <= 10 for count in counts)
    picture = (tmp_path / "out" / "accuracy.svg").read_text()
    assert picture.count("<svg") == 1
    before = (tmp_path / "out" / "record.json").read_bytes()
    assert call(*words)[0] == 0
    assert (tmp_path / "out" / "record.json").read_bytes() == before


def test_the_quick_suite_tells_what_is_left_of_a_switch(
    path: Callable[[str], Path], tmp_path: Path
) -> None:
    words = ("switch", "evaluate", path("two"), *FEW, "--dense", path("dense"))

    code, out, _ = call(*words, "--out", tmp_path / "out")
    record = json.loads((tmp_path / "out" / "record.json").read_text())

    assert code == 0
    assert "its best ticket alone" in out
    assert [member["name"] for member in record["members"]] == ["two[0]", "two[1]"]
    worst = record["worst_case"]
    under = [row["expected"] for row in record["attacks"]]
    assert worst["expected"] <= min(under) + 1e-9
    assert worst["bound"] <= worst["expected"] + 1e-9
    assert worst["all_right"]["correct"] <= 10 * worst["bound"] + 1e-9
    alone = [count["correct"] for count in worst["each"].values()]
    assert worst["bound"] == pytest.approx(sum(alone) / 20)
    assert worst["best_member"]["correct"] == max(alone)
    assert worst["bound"] <= worst["own_attacks"]["mean"] + 1e-9
    assert worst["own_attacks"]["strong_enough"] == (
        "single tickets were too weak" not in " ".join(out.split())
    )
    assert record["game"]["value"] >= max(worst["expected"], max(alone) / 10) - 1e-9
    assert worst["tries"]["1"] == pytest.approx(worst["expected"])
    assert worst["tries"]["10"] <= worst["tries"]["1"]
    assert record["dense"]["worst_case"]["each"].keys() == {"dense"}
    assert [case["epsilon"] for case in record["worst_cases"]] == ["0.1"]  # of quick, one
    assert [case["epsilon"] for case in record["dense"]["worst_cases"]] == ["0.1"]
    stopped = [matrix for matrix in record["protocol"] if matrix["stops"]]
    assert [matrix["title"] for matrix in stopped] == ["pgd-20, linf, 0.1"]


def test_a_record_with_worst_cases_that_nobody_measured_is_made_again(
    path: Callable[[str], Path], tmp_path: Path
) -> None:
    words = ("switch", "evaluate", path("0.2"), *FEW, "--out", tmp_path / "out")
    assert call(*words)[0] == 0
    file = tmp_path / "out" / "record.json"
    right = json.loads(file.read_text())
    wrong = json.loads(file.read_text())
    wrong["worst_cases"].append(wrong["worst_case"] | {"epsilon": "0.15"})
    file.write_text(json.dumps(wrong))

    code, out, _ = call(*words)

    assert code == 0
    assert "0.15" not in out
    assert json.loads(file.read_text()) == right | {"finished": ANY}


def test_one_ticket_is_no_better_and_no_worse_than_itself(path: Callable[[str], Path]) -> None:
    code, out, _ = call("switch", "evaluate", path("0.2"), *FEW, "--json")
    worst = json.loads(out)["worst_case"]

    assert code == 0
    assert worst["expected"] * 10 == pytest.approx(worst["best_member"]["correct"])
    assert worst["gain"].startswith("no gain")


def test_tickets_of_two_networks_are_no_switch(path: Callable[[str], Path]) -> None:
    code, _, error = call("switch", "evaluate", path("0.2"), path("1"), *FEW)

    assert code == 2
    assert "tickets 0 and 1 belong to different networks" in error


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--probabilities", "0.5,0.6"), "add up to 1"),
        (("--probabilities", "0.5"), "2 networks but 1 probabilities"),
        (("--probabilities", "a,b"), "comma-separated numbers, got 'a,b'"),
        (("--suite", "quik"), "unknown suite 'quik'; did you mean 'quick'?"),
        (("--shard", "1/2"), "--shard needs --out"),
        (("--images", "999"), "--images must be from 1 to 360"),
        (("--epsilon", "8"), "the usual 8 is written 8/255"),
        (("--epsilon", "0"), "epsilon must be above 0"),
        (("--epsilon", "0.05", "--epsilon", "0.1"), "suite quick takes at most 1 epsilon, got 2"),
        (("--norm", "l2"), "--norm l2 needs --epsilon"),
    ],
)
def test_mistakes_get_one_line(
    more: tuple[str, ...], said: str, path: Callable[[str], Path]
) -> None:
    code, _, error = call("switch", "evaluate", path("two"), *FEW, *more)

    assert code == 2
    assert said in error
    assert len(error.strip().splitlines()) == 1


def test_a_network_is_given_once(path: Callable[[str], Path]) -> None:
    code, _, error = call("transfer", path("0.2"), path("0.2"), *FEW)

    assert code == 2
    assert "is given twice; give each network once" in error


def test_networks_of_equal_names_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    files = [tmp_path / seed / "run" / "ticket.safetensors" for seed in ("a", "b")]

    names = unique_names([(file, None) for file in [*files, tmp_path / "c" / "dense.pt"]])

    assert names == ["a/run/ticket", "b/run/ticket", "dense"]
    assert unique_names([(files[0], 0), (files[0], 1)]) == ["ticket[0]", "ticket[1]"]


def test_no_network_is_called_as_all_of_them_are(
    path: Callable[[str], Path], tmp_path: Path
) -> None:
    file = tmp_path / "the set.safetensors"
    file.write_bytes(path("0.2").read_bytes())

    code, _, error = call("switch", "evaluate", file, path("0.5"), *FEW)

    assert code == 2
    assert "no network can be called 'the set'; rename its file" in error


def test_a_ticket_that_always_answers_leaves_a_record(
    path: Callable[[str], Path], tmp_path: Path
) -> None:
    words = ("switch", "evaluate", path("two"), *FEW, "--probabilities", "1,0", "--out", tmp_path)

    assert call(*words)[0] == 0

    record = json.loads((tmp_path / "record.json").read_text())
    assert record["protocol"][0]["off_diagonal"] is None
    assert call(*words)[0] == 0


def test_a_ticket_is_drawn_beside_others(path: Callable[[str], Path], tmp_path: Path) -> None:
    words = ("draw", "--data", "digits", "--epochs", "1")  # the network is theirs
    words += ("--epsilon", "0.1", "--steps", "1", "--beside", path("two"), "--quiet")

    code, _, error = call(*words, "--out", tmp_path / "third")
    recipe = st.Ticket.load(tmp_path / "third" / "ticket.safetensors").provenance["recipe"]
    assert code == 0, error
    assert recipe["beside"]["files"] == [str(path("two"))]
    assert len(recipe["beside"]["sha256"]) == 2
    code, _, error = call(*words, "--attack", "none", "--out", tmp_path / "natural")
    assert code == 2
    assert "needs an inner attack" in error


def test_networks_of_ones_own_are_attacked_and_switched(
    path: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "homely.py").write_text(
        "from torch import nn\n"
        "def small(*, classes, image_shape, hidden=8):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, hidden), nn.ReLU(),\n"
        "                         nn.Linear(hidden, classes))\n"
    )
    monkeypatch.chdir(tmp_path)
    own, run = ("--network", "homely:small"), ("--epochs", "1", "--steps", "1", "--quiet")
    for ratio in ("0.3", "0.6"):
        words = ("draw", "--data", "digits", *own, *run, "--ratio", ratio, "--out", ratio)
        code, _, error = call(*words)
        assert code == 0, error
    tickets = [f"{ratio}/ticket.safetensors" for ratio in ("0.3", "0.6")]
    built = st.Ticket.load(tickets[0]).build()
    torch.save(dict(built.named_parameters()), "own.pt")  # digits need no normalisation
    monkeypatch.delitem(NETWORKS, "homely:small")

    assert "name it with --network homely:small" in call("transfer", *tickets, *FEW)[2]
    code, out, error = call("transfer", "own.pt", path("0.2"), *tickets, *FEW, *own, "--json")
    assert code == 0, error
    record = json.loads(out)
    assert record["networks"] == ["own", "0.2", "0.3/ticket", "0.6/ticket"]
    assert record["matrices"][0]["epsilon"] == "0.1"  # of the first ticket
    assert record["natural"]["own"] == record["natural"]["0.3/ticket"]

    words = ("switch", "evaluate", *tickets, *FEW, *own, "--epsilon", "0.05")
    code, out, error = call(*words, "--dense", "own.pt", "--json")
    assert code == 0, error
    record = json.loads(out)
    assert record["dense"]["worst_case"]["each"].keys() == {"dense"}
    assert "dense" not in {sign["text"].partition(":")[0] for sign in record["warning_signs"]}
    torch.save({name: 0 * value for name, value in built.named_parameters()}, "zeros.pt")
    code, out, error = call(*words, "--dense", "zeros.pt")
    assert code == 0, error
    assert "warning sign: chance: dense: natural accuracy" in out
    for more, said in (
        (("own.pt",), "own.pt holds no ticket; a switch needs tickets"),
        (("--normalise",), "a ticket normalises its input itself"),
        (("--dense", "own.pt", "--network", "conv4"), "own.pt lacks conv1.weight"),
    ):
        code, _, error = call(*words, *more)
        assert (code, said in error) == (2, True), error


def test_a_mistake_loses_nothing(path: Callable[[str], Path], tmp_path: Path) -> None:
    words = ("transfer", path("0.2"), *FEW, "--out", tmp_path)
    assert call(*words)[0] == 0
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    code, _, error = call(*words, "--batch-size", "0", "--overwrite")

    assert code == 2
    assert "batch size must be at least 1, got 0" in error
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
