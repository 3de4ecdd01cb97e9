"""Suites, networks of the user's own, adversarial images: the verbs evaluate and attack."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from torch import nn

import scratchticket as st
from test_cli import call

CODE = """
from torch import nn

def small(classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, classes))

def fixed():
    return small(10)

def broken(classes):
    raise ValueError("no")

def nothing():
    return 3


def changed(forward):
    class Changed(nn.Sequential):
        def forward(self, images):
            return forward(super().forward, images)

    return lambda classes: Changed(nn.Flatten(), nn.Linear(64, classes))

large = changed(lambda logits, images: logits(images[..., :4]))
pair = changed(lambda logits, images: (logits(images), images))
map = changed(lambda logits, images: logits(images)[..., None, None].expand(-1, -1, 8, 8))
"""
SMALL = ("--network", "own_networks:small", "--data", "digits")
FEW = ("--images", "12", "--quiet")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with code and weights of a linear network that knows digits."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "own_networks", raising=False)
    (tmp_path / "own_networks.py").write_text(CODE)
    data = st.load_data("digits")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    optimiser = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(50):
        optimiser.zero_grad()
        logits = network(data.train.images / 255)
        nn.functional.cross_entropy(logits, data.train.labels).backward()
        optimiser.step()
    torch.save(network.state_dict(), tmp_path / "net.pt")
    return tmp_path


@pytest.fixture
def path(ticket: st.Ticket, tmp_path: Path) -> Path:
    ticket.save(tmp_path / "ticket.safetensors")
    return tmp_path / "ticket.safetensors"


def test_a_suite_leaves_record_journal_and_picture_and_goes_on(path: Path) -> None:
    words = ("evaluate", path, "--data", "digits", "--suite", "quick", *FEW)
    code, table, _ = call(*words)

    assert code == 0
    folder = path.with_name("ticket-quick")
    record = json.loads((folder / "record.json").read_text())
    assert (folder / "accuracy.svg").read_text().startswith("<?xml")
    assert "worst case, linf, 0.1" in table
    assert "warning sign: sample size" in table
    assert record["natural"]["total"] == 12
    assert {a["epsilon"] for a in record["attacks"]} >= {"0.1", "0.15", "0.2", "1", None}
    for attack in record["attacks"]:
        assert attack.keys() >= {"name", "norm", "correct", "total", "interval", "seconds"}
        assert attack["correct"] <= record["natural"]["correct"]
    assert record["worst_case"]["correct"] <= min(
        a["correct"] for a in record["attacks"] if (a["norm"], a["epsilon"]) == ("linf", "0.1")
    )
    journal = (folder / "journal.jsonl").read_bytes()
    code, text, _ = call(*words, "--json")
    assert json.loads(text) == {"ticket": str(path), **record}
    assert (folder / "journal.jsonl").read_bytes() == journal

    code, _, err = call(*words, "--seed", "1")
    assert code == 2
    assert "with seed 0 instead of 1; use --overwrite or another --out" in err
    code, text, _ = call(*words, "--seed", "1", "--overwrite", "--json")
    assert json.loads(text)["plan"]["seed"] == 1


def test_shares_make_the_record_that_one_process_makes(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("evaluate", path, "--data", "digits", "--epsilon", "0.2", "--epsilon", "0.1", *FEW)
    words = (*words, "--steps", "3", "--batch-size", "4")
    one = json.loads(call(*words, "--json")[1])
    for share in ("2/3", "1/3", "3/3"):
        said = ["--shard", share]
        if share == "3/3":  # as torchrun says it
            monkeypatch.setenv("TORCHELASTIC_RUN_ID", "test")
            monkeypatch.setenv("RANK", "2")
            monkeypatch.setenv("WORLD_SIZE", "3")
            said = []
        code, out, err = call(*words, "--out", tmp_path / "all", *said, "--json")
        assert code == 0
        assert bool(out) == (share == "3/3")
        assert ("the last of 3 writes the record" in err) == (share != "3/3")
    together = json.loads(out)

    def counted(record: dict[str, list[dict[str, object]]]) -> list[tuple[object, object]]:
        return [(row["title"], row["correct"]) for row in record["attacks"]]

    assert counted(together) == counted(one)
    assert len(one["attacks"]) == 2


@pytest.mark.parametrize("kind", ["nested", "wrapped", "safetensors", "legacy"])
def test_a_network_of_the_users_own_is_judged(home: Path, kind: str) -> None:
    state = torch.load("net.pt")
    if kind == "nested":
        torch.save({"state_dict": state, "epoch": 3}, "net.pt")
    elif kind == "wrapped":
        torch.save({f"module.{name}": value for name, value in state.items()}, "net.pt")
    elif kind == "legacy":
        torch.save(state, "net.pt", _use_new_zipfile_serialization=False)
    else:
        Path("net.pt").unlink()
        safetensors.torch.save_file(state, "net.pt")

    code, text, err = call("evaluate", "net.pt", *SMALL, "--json")

    assert code == 0, err
    facts = json.loads(text)
    images, labels = st.load_data("digits").test.images / 255, st.load_data("digits").test.labels
    logits = images.flatten(1) @ state["1.weight"].T + state["1.bias"]
    assert facts["natural"]["correct"] == int((logits.argmax(dim=1) == labels).sum()) > 300
    assert facts["attacks"][0]["epsilon"] == "8/255"
    assert facts["subject"]["network"] == "own_networks:small"


@pytest.fixture
def photographs(home: Path) -> Path:
    """Photographs of two classes and several sizes: class2 is bright, class10 dark."""
    for number in range(40):
        path = home / "photos" / ("class2", "class10")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((8 + number % 3, 8, 3), (220, 30)[number % 2], np.uint8)
        Image.fromarray(pixels).save(path)
    weight = torch.ones(2, 64) / 64
    weight[0] *= -1  # torchvision's order: class10, dark, is class 0
    torch.save({"1.weight": weight, "1.bias": torch.tensor([0.5, -0.5])}, "photos.pt")
    return home


def test_images_for_a_network_of_ones_own_get_size_colour_and_class_order(
    photographs: Path,
) -> None:
    words = ("photos.pt", "--network", "own_networks:small", "--data", "./photos", "--part", "all")
    prepared = ("--size", "8", "--colour", "grey")

    code, _, err = call("evaluate", *words)
    assert code == 2
    assert "give --size (size in Python)" in err
    code, text, err = call("evaluate", *words, *prepared, "--attack", "none")
    assert code == 0, err
    assert "class 0 is class2, but with torchvision's ImageFolder it is class10; --classes" in err
    assert "0/40" in text
    assert "warning sign: chance: natural accuracy 0.0 % is not above chance, 50.0 %" in text
    assert "another order (--classes)" in text
    code, text, err = call("transfer", *words, *prepared, "--quiet")
    assert code == 0, err
    assert "warning sign: chance: photos: natural accuracy 0.0 % is not above chance" in text

    Path("class_to_idx.json").write_text('{"class10": 0, "class2": 1}')
    for order in ("class10,class2", "class_to_idx.json"):
        code, text, err = call(
            "evaluate", *words, *prepared, "--classes", order, "--attack", "none", "--json"
        )
        assert code == 0, err
        facts = json.loads(text)
        assert facts["natural"]["correct"] == 40
        assert "chance" not in {sign["name"] for sign in facts["warning_signs"]}
    assert "class 0 is" not in err
    ordered = (*prepared, "--classes", "class_to_idx.json")
    code, text, err = call("transfer", *words, *ordered, "--quiet")
    assert (code, "chance" in text) == (0, False), err
    code, _, err = call("attack", *words, *ordered, "--out", "adversarial.npz", "--quiet")
    assert code == 0, err
    code, text, err = call("evaluate", *words[:3], "--adversarial", "adversarial.npz", "--json")
    assert (code, json.loads(text)["natural"]["correct"]) == (0, 40), err
    code, _, err = call("evaluate", *words[:3], "--adversarial", "adversarial.npz", *ordered)
    assert (code, "leave out --size, --colour, --classes" in err) == (2, True)


class Evil:
    """What a pickle can do to whoever loads it."""

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("burgled"),)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("net.pt", "--data", "digits"), "net.pt holds no ticket; name its network"),
        (("net.pt", "--network", "own_networks:smal", "--data", "digits"), "has no network 'smal'"),
        (("net.pt", "--network", "own_networks:broken", "--data", "digits"), "cannot be built: no"),
        (
            ("net.pt", "--network", "own_networks:nothing", "--data", "digits"),
            "returned int, not a module",
        ),
        (("net.pt", "--network", "conv4", "--data", "digits"), "net.pt lacks conv1.weight and"),
        (("evil.pt", *SMALL), "evil.pt holds no state dict"),
        (("words.pt", *SMALL), "words.pt holds no state dict, but str"),
        (("odd.pt", *SMALL), "'note' is not a tensor"),
        (("wide.pt", *SMALL), "1.weight has shape (10, 65), the network's (10, 64)"),
        (("more.pt", *SMALL), "has more, which the network does not have"),
        (("net.pt", *SMALL, "--suite", "quik"), "did you mean 'quick'"),
        (("net.pt", *SMALL, "--suite", "quick", "--attack", "pgd"), "a suite has its own attacks"),
        (("net.pt", *SMALL, "--attack", "cw-l"), "did you mean 'cw-l2'"),
        (("net.pt", *SMALL, "--set", "restart=2"), "did you mean 'restarts'"),
        (("net.pt", *SMALL, "--set", "restarts=two"), "restarts=two: input should be a valid int"),
        (("net.pt", *SMALL, "--shard", "1of2"), "a shard is written I/N"),
        (("net.pt", *SMALL, "--shard", "3/2"), "shards are numbered from 1 to 2"),
        (("net.pt", *SMALL, "--images", "361"), "--images must be from 1 to 360"),
        (("net.pt", *SMALL, "--attack", "cw-l2", "--epsilon", "0.5"), "radii with --l2-epsilon"),
        (("net.pt", *SMALL, "--l2-epsilon", "0.5"), "--l2-epsilon is for attacks in l2 balls"),
        (("net.pt", *SMALL, "--epsilon", "8"), "the usual 8 is written 8/255"),
        (("net.pt", "--network", "own_networks:large", "--data", "digits"), "of shape (1, 8, 8): "),
        (("net.pt", "--network", "own_networks:pair", "--data", "digits"), "2 images, got tuple"),
        (("net.pt", "--network", "own_networks:map", "--data", "digits"), "got (2, 10, 8, 8)"),
        (("net.pt", *SMALL, "--batch-size", "0"), "batch size must be at least 1"),
        (("net.pt", *SMALL, "--epsilon", "0.2", "--epsilon", "x"), "must be a number such as 0.1"),
        (("net.pt", "--network", "conv4"), "--data is missing"),
        (("net.pt", *SMALL, "--out", "net.pt"), "cannot use folder net.pt"),
        (("net.pt", *SMALL, "--adversarial", "x.npz"), "takes images and attack from its file"),
        (("net.pt", *SMALL[:2], "--adversarial", "x.npz"), "no such file of adversarial images"),
        (("net.pt", *SMALL[:2], "--adversarial", "own_networks.py"), "in .npz or .parquet files"),
        (("net.pt", *SMALL[:2], "--adversarial", "odd.npz"), "was not written by `attack`"),
    ],
)
def test_a_mistake_gets_one_clear_line_and_exit_code_2(
    home: Path, words: tuple[str, ...], message: str
) -> None:
    state = torch.load("net.pt")
    Path("evil.pt").write_bytes(pickle.dumps(Evil()))
    torch.save("words", "words.pt")
    torch.save(state | {"note": "mine"}, "odd.pt")
    torch.save(state | {"1.weight": torch.zeros(10, 65)}, "wide.pt")
    torch.save(state | {"more": torch.zeros(1)}, "more.pt")
    np.savez("odd.npz", images=np.zeros(3))

    code, out, err = call("evaluate", *words)

    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1
    assert message in err
    assert not Path("burgled").exists()


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_adversarial_images_made_on_one_network_are_scored_on_another(
    home: Path, path: Path, suffix: str
) -> None:
    file = home / f"adversarial{suffix}"
    words = ("--data", "digits", "--epsilon", "0.1", "--images", "50", "--quiet", "--out", file)
    code, out, _ = call("attack", path, *words)
    assert code == 0
    assert f"of 50 images in {file} fool ticket.safetensors" in out.replace("\n", "")
    assert out.startswith("pgd-20 (best), linf, 0.1: ")  # as it was made

    own = json.loads(call("evaluate", path, "--adversarial", file, "--json")[1])
    other = json.loads(call("evaluate", "net.pt", *SMALL[:2], "--adversarial", file, "--json")[1])

    assert f"{50 - int(out.split()[4])}" == str(own["attacks"][0]["correct"])
    assert own["attacks"][0]["correct"] < other["attacks"][0]["correct"]
    assert other["attacks"][0]["title"] == "pgd-20 (best), linf, 0.1, made on ticket.safetensors"
    direct = ("evaluate", "net.pt", *SMALL, "--images", "50", "--attack", "none", "--json")
    assert other["natural"] == json.loads(call(*direct)[1])["natural"]


def test_both_formats_hold_the_same(path: Path, tmp_path: Path) -> None:
    from scratchticket.judging import adversarial

    for suffix in (".npz", ".parquet"):
        words = ("--data", "digits", "--images", "20", "--quiet", "--out", tmp_path / f"a{suffix}")
        assert call("attack", path, *words)[0] == 0
    first, second = (adversarial.load(tmp_path / f"a{s}") for s in (".npz", ".parquet"))

    assert first.metadata == second.metadata
    for name in adversarial.COLUMNS:
        assert torch.equal(getattr(first, name), getattr(second, name))


def test_clean_images_of_autoattack_are_never_written(path: Path, tmp_path: Path) -> None:
    from scratchticket.judging import adversarial

    words = ("--data", "digits", "--attack", "square", "--set", "queries=30", "--images", "40")
    code, out, _ = call("attack", path, *words, "--quiet", "--out", tmp_path / "a.npz")
    assert code == 0

    made = adversarial.load(tmp_path / "a.npz")
    assert len(made) < 40
    assert (made.distances > 0).all()


def test_images_outside_their_ball_are_refused(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    call("attack", path, "--data", "digits", "--images", "5", "--quiet", "--out", file)
    with np.load(file) as archive:
        columns = dict(archive)
    columns["images"] = 1 - columns["images"]
    np.savez(file, **columns)

    code, _, err = call("evaluate", path, "--adversarial", file)

    assert code == 2
    assert "left the ball" in err


def test_attack_refuses_before_it_works(path: Path, tmp_path: Path) -> None:
    words = ("attack", path, "--data", "digits", "--out")

    for more, message in (
        ((tmp_path / "a.txt",), "in .npz or .parquet files"),
        ((tmp_path / "a.npz", "--attack", "autoattack"), "is not a single attack"),
        ((tmp_path / "a.npz", "--attack", "pdg"), "did you mean 'pgd'"),
        ((tmp_path / "none" / "a.npz",), "no such folder"),
    ):
        code, _, err = call(*words, *more)
        assert code == 2
        assert message in err
