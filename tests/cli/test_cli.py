"""The command line: what it prints, what it refuses, and how."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import option_table
import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

import scratchticket as st
from patience import PATIENCE
from scratchticket.cli import export
from scratchticket.cli.app import app
from scratchticket.cli.attack_verbs import EvaluationProgress
from scratchticket.cli.terminal import LearningProgress
from scratchticket.learning import Epoch, Event, Validation
from scratchticket.networks import NETWORKS

TYPER = tuple(int(part) for part in version("typer").split(".")[:2])  # it words its messages anew
NO_OPTION = "No such option: --ratoi" if TYPER >= (0, 26) else "No such option '--ratoi'"
TOO_LARGE = "less than or equal to 65535" if TYPER >= (0, 29) else "not in the range 1<=x<=65535"
FAST = [
    *("--set", "network.width=2", "--epsilon", "0.1", "--steps", "1", "--epochs", "1"),
    *("--batch-size", "256", "--set", "evaluation.steps=2", "--quiet"),
]


def call(*words: str | Path) -> tuple[int, str, str]:
    """Return exit code, standard output and standard error of the program."""
    result = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("cli") / "drawn"
    code, out, _ = call("draw", "--data", "digits", "--out", folder, "--ratio", "0.3", *FAST)
    assert code == 0
    assert "ticket.safetensors" in out
    return folder


def test_train_writes_a_network_that_every_verb_takes(tmp_path: Path) -> None:
    code, out, _ = call("train", "--data", "digits", "--out", tmp_path, "--attack", "none", *FAST)
    assert code == 0
    network = tmp_path / "network.safetensors"
    assert str(network) in out.replace("\n", "")

    assert call("show", network)[0] == 0
    assert call("evaluate", network, "--data", "digits", "--steps", "1")[0] == 0


@pytest.mark.parametrize("verb", ["draw", "train"])
def test_learning_prints_its_record_as_one_json_document(verb: str, tmp_path: Path) -> None:
    loud = [word for word in FAST if word != "--quiet"]

    code, out, err = call(verb, "--data", "digits", "--out", tmp_path, *loud, "--json")

    assert (code, err) == (0, "")
    printed = json.loads(out)
    files = printed.pop("files")
    assert printed == json.loads((tmp_path / "record.json").read_text())
    assert "ticket.safetensors" in files or verb == "train"
    assert "network.safetensors" in files or verb == "draw"
    assert all(Path(path) == tmp_path / name for name, path in files.items())
    assert all(Path(path).is_file() for path in files.values())


def test_evaluate_prints_a_table_or_json(drawn: Path) -> None:
    ticket = drawn / "ticket.safetensors"
    words = ("evaluate", ticket, "--data", "digits", "--epsilon", "8/255", "--steps", "3")

    code, table, _ = call(*words)
    assert code == 0
    assert "pgd-3, linf, 8/255" in table
    code, text, _ = call(*words, "--json")
    facts = json.loads(text)
    assert facts["natural"]["total"] == 360
    attack = facts["attacks"][0]
    assert (attack["name"], attack["norm"], attack["epsilon"]) == ("pgd", "linf", "8/255")
    assert attack["settings"]["step_size"] == "2/255"
    assert attack["correct"] <= facts["natural"]["correct"]
    assert f"{attack['correct']}/360" in table


def test_evaluate_takes_the_epsilon_the_ticket_was_drawn_at(drawn: Path) -> None:
    _, text, _ = call("evaluate", drawn / "ticket.safetensors", "--data", "digits", "--json")

    assert json.loads(text)["attacks"][0]["epsilon"] == "0.1"


def test_show_tells_what_a_ticket_is(drawn: Path) -> None:
    ticket = drawn / "ticket.safetensors"
    code, text, _ = call("show", ticket)
    assert code == 0
    for word in ("resnet18", "signed_kaiming_constant", "conv1.weight", "proof", "holds"):
        assert word in text
    facts = json.loads(call("show", ticket, "--json")[1])
    loaded = st.Ticket.load(ticket)
    assert facts["kept"] == loaded.mask.kept == sum(layer["kept"] for layer in facts["layers"])
    assert facts["bytes"]["alone"] == ticket.stat().st_size


def test_tickets_of_one_network_are_bundled_listed_and_chosen(
    drawn: Path, ticket: st.Ticket, tmp_path: Path
) -> None:
    first = drawn / "ticket.safetensors"
    other, foreign, together = (tmp_path / f"{n}.safetensors" for n in ("other", "far", "set"))
    loaded = st.Ticket.load(first)
    whole = {name: torch.ones_like(mask) for name, mask in loaded.mask.items()}
    replace(loaded, mask=st.Mask(whole)).save(other)
    ticket.save(foreign)

    code, out, _ = call("bundle", first, other, "--out", together)
    assert code == 0
    assert "2 tickets" in out
    code, out, _ = call("show", together)
    assert code == 0
    assert "2 tickets of one network: resnet18, width 2" in out
    assert "100" in out
    code, text, _ = call("show", together, "--index", "1", "--json")
    assert json.loads(text)["remaining_ratio"] == 1.0
    assert len(json.loads(call("show", together, "--json")[1])) == 2
    words = ("evaluate", together, "--data", "digits", "--steps", "1")
    assert call(*words, "--index", "0")[0] == 0
    for wrong, message in (
        (words, "holds 2 tickets; say which, from 0 to 1"),
        ((*words, "--index", "2"), "no ticket 2"),
        (("bundle", first, foreign, "--out", tmp_path / "x"), "belong to different networks"),
        (("bundle", first, other, "--out", together), "exists; choose another --out"),
    ):
        code, _, err = call(*wrong)
        assert code == 2
        assert message in err


def test_options_and_set_reach_the_same_settings(tmp_path: Path) -> None:
    words = ["draw", "--data", "digits", "--out", tmp_path, *FAST]
    code, _, err = call(*words, "--set", "learning.epochs=3")
    assert code == 2
    assert "learning.epochs is given twice: 1 and 3" in err
    assert list(tmp_path.iterdir()) == []


def test_the_help_says_what_the_dataclasses_and_registries_say() -> None:
    """If not: python tools/option_table.py."""
    assert option_table.FILE.read_text() == option_table.content()


def test_help_wraps_whole_paragraphs() -> None:
    """Not the lines of the source, which are too long for a terminal of 80 columns."""
    words = str(next(v.help for v in app.registered_commands if v.callback is export.export))
    first, second = words.split("\n\n")
    assert "\n" not in first + second
    assert len(second) > 200


def draw(out: Path, *words: str) -> tuple[int, str, str]:
    return call("draw", "--data", "digits", "--out", out, *words, *FAST)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["drow"], "No such command 'drow'. Did you mean 'draw'?"),
        (["draw", "--data", "digit", "--out", "OUT"], "did you mean 'digits'"),
        (["draw", "--data", "digits"], "Missing option '--out'"),
        (["draw", "--data", "digits", "--out", "OUT", "--ratoi", "1"], NO_OPTION),
        (["draw", "--data", "digits", "--out", "OUT", "--ratio"], "requires an argument"),
        (["switch", "evalute"], "No such command 'evalute'"),
        (["draw", "--data", "digits", "--out", "OUT", "--ratio", "0"], "must lie in (0, 1], got 0"),
        (["draw", "--data", "digits", "--out", "OUT", "--ratio", "1.5"], "must lie in (0, 1]"),
        (["draw", "--data", "digits", "--out", "OUT", "--ratio", "x"], "must be a number"),
        (["draw", "--data", "digits", "--out", "OUT", "--epsilon=-1"], "epsilon must lie in"),
        (["draw", "--data", "digits", "--out", "OUT", "--epsilon", "8/0"], "denominator 0"),
        (["draw", "--data", "digits", "--out", "OUT", "--epsilon", "8"], "written 8/255"),
        (["draw", "--data", "digits", "--out", "OUT", "--epochs", "0"], "epochs must be at least"),
        (["draw", "--data", "digits", "--out", "OUT", "--epochs", "many"], "valid integer"),
        (["draw", "--data", "digits", "--out", "OUT", "--network", "resnet81"], "'resnet18'"),
        (["draw", "--data", "digits", "--out", "OUT", "--set", "network.widht=1"], "network.width"),
        (["draw", "--data", "digits", "--out", "OUT", "--set", "network.width"], "PATH=VALUE"),
        (
            ["draw", "--data", "digits", "--out", "OUT", "--attack", "pgdd"],
            "did you mean 'pgd'",
        ),
        (["draw", "--data", "digits", "--out", "OUT", "--seed=-1"], "seed must be an integer"),
        (["draw", "--data", "digits", "--out", "OUT", "--device", "tpu"], "no device 'tpu'"),
        (["draw", "--data", "digits", "--out", "/proc/none/x"], "cannot use folder"),
        (["draw", "--data", "digits", "--out", "/proc"], "cannot use folder /proc"),
        (["draw", "--data", "digits", "--out", "OUT", "--resume", "--overwrite"], "not both"),
        (["train", "--data", "digits", "--out", "OUT", "--ratio", "0.1"], "No such option"),
        (["draw", "--data", "digits", "--out", "OUT", "--device", "cuda:9"], "use cpu or auto"),
        (["draw", "--data", "/none", "--out", "OUT"], "no such path '/none'; give a known"),
        (["draw", "--data", "CIFAR10", "--out", "OUT"], "did you mean 'cifar10'?"),
        (
            ["draw", "--data", "digits", "--out", "OUT", "--beside", "TICKET", "--seed", "7"],
            "this ticket and those beside it cannot form a switch: tickets 0 and 1 belong to",
        ),
        (["evaluate", "OUT/none", "--data", "digits"], "no such ticket file"),
        (["evaluate", "OUT", "--data", "digits"], "it is a folder; name a file in it"),
        (["evaluate", "hub:name", "--data", "digits"], "a repository is OWNER/NAME, got 'name'"),
        (["evaluate", "TICKET", "--data", "mnist"], "unknown data set 'mnist'"),
        (["evaluate", "TICKET", "--data", "digits", "--epsilon", "8/0"], "denominator 0"),
        (["evaluate", "TICKET", "--data", "digits", "--attack", "cw"], "unknown attack 'cw'"),
        (["evaluate", "TICKET", "--data", "digits", "--steps", "0"], "steps must be above 0"),
        (
            ["evaluate", "TICKET", "--data", "digits", "--step-size", "0"],
            "must be above 0 and at most 1000, got 0",
        ),
        (["evaluate", "TICKET", "--data", "digits", "--seed=-1"], "seed must be an integer"),
        (
            ["evaluate", "TICKET", "--data", "digits", "--network", "conv4"],
            "is a ticket of network resnet18, not of conv4",
        ),
        (["show", "README"], "not a ticket file"),
        (["show", "DAMAGED"], "damaged"),
        (["show", "OUT"], "cannot read ticket file"),
        (["show", "--html", "OUT/page.html"], "--html needs a file of tickets"),
        (["app", "TICKET", "--port", "70000"], TOO_LARGE),
    ],
)
def test_a_mistake_gets_one_clear_line_and_exit_code_2(
    words: list[str], message: str, drawn: Path, tmp_path: Path
) -> None:
    ticket = drawn / "ticket.safetensors"
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(ticket.read_bytes()[:-1] + b"?")
    readme = tmp_path / "readme.txt"
    readme.write_text("no ticket here, only words")
    out = tmp_path / "out"
    out.mkdir()
    places = {"OUT": out, "TICKET": ticket, "DAMAGED": damaged, "README": readme}
    for name, place in places.items():
        words = [word.replace(name, str(place)) for word in words]

    code, stdout, stderr = call(*words)

    assert code == 2
    assert message in " ".join(stderr.split())
    assert len(stderr.strip().splitlines()) == 1
    assert "Traceback" not in stderr + stdout
    assert list(out.iterdir()) == []


def test_an_output_folder_that_holds_a_run_is_refused(drawn: Path) -> None:
    before = (drawn / "ticket.safetensors").read_bytes()

    code, _, err = draw(drawn, "--ratio", "0.3")

    assert code == 2
    assert "already holds a run; use --resume to continue it, --overwrite to replace it" in err
    assert (drawn / "ticket.safetensors").read_bytes() == before
    assert draw(drawn, "--ratio", "0.3", "--resume")[0] == 0


def test_a_ticket_on_data_of_another_shape_is_refused(drawn: Path, tmp_path: Path) -> None:
    labels = np.arange(44) % 11
    colour, grey = (np.zeros((44, 8, 8, c), dtype=np.uint8) for c in (3, 1))
    np.savez(tmp_path / "wide.npz", images=colour, labels=labels % 10)
    np.savez(tmp_path / "many.npz", images=grey, labels=labels)
    ticket = drawn / "ticket.safetensors"

    code, _, err = call("evaluate", ticket, "--data", tmp_path / "wide.npz")
    assert code == 2
    assert "takes images of shape (1, 8, 8), those of" in err
    assert "wide.npz have (3, 8, 8)" in err
    code, _, err = call("evaluate", ticket, "--data", tmp_path / "many.npz")
    assert code == 2
    assert "the ticket has 10 classes" in err


def test_data_of_ones_own_is_drawn_on_and_judged_as_it_was_split(tmp_path: Path) -> None:
    labels = np.arange(120) % 3
    images = (labels[:, None, None] * 80 + np.arange(64).reshape(8, 8) % 30).astype(np.uint8)
    np.savez(tmp_path / "mine.npz", images=images, labels=labels)
    words = ["--data", tmp_path / "mine.npz", "--width", "2", "--epochs", "1", "--steps", "1"]
    settings = ["--set", "data.seed=3", "--set", "learning.batch_size=32", "--epsilon", "0.05"]
    settings += ["--set", "data.train_images=60"]

    code, out, err = call("draw", *words, *settings, "--out", tmp_path / "run")
    assert code == 0, err
    assert "note: no test part: 20 % of each class was held out" in err
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    assert record["recipe"]["data"]["seed"] == 3
    natural = record["results"][record["selected"]]["natural"]

    ticket = tmp_path / "run" / "ticket.safetensors"
    code, out, err = call("evaluate", ticket, *words[:2], "--json")
    assert code == 0, err
    assert json.loads(out)["natural"] == natural
    assert "only the held-out images are used; if the network was trained on none of" in err

    np.savez(tmp_path / "new.npz", test_images=images[:9], test_labels=labels[:9])
    for verb in (["evaluate"], ["transfer"], ["switch", "evaluate"]):
        code, out, err = call(
            *verb, ticket, "--data", tmp_path / "new.npz", "--part", "all", "--json"
        )
        assert code == 0, err
        assert json.loads(out)["data"] == {"name": "new.npz", "part": "all", "of": 9}
    made = tmp_path / "made.npz"
    words = ["attack", ticket, "--data", tmp_path / "new.npz", "--part", "all", "--out", made]
    assert call(*words)[0] == 0
    code, out, err = call("evaluate", ticket, "--adversarial", made, "--json")
    assert json.loads(out)["natural"]["total"] == 9
    for more, said in (
        (["--data", "digits", "--part", "train"], "unknown part 'train'"),
        (["--adversarial", made, "--part", "all"], "leave out --part"),
    ):
        code, _, err = call("evaluate", ticket, *more)
        assert (code, said in err) == (2, True), err


def test_a_network_of_ones_own_is_named_and_never_imported_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "homemade.py").write_text(
        "from torch import nn\n"
        "def small(*, classes, image_shape, hidden=8):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, hidden), nn.ReLU(),\n"
        "                         nn.Linear(hidden, classes))\n"
    )
    monkeypatch.chdir(tmp_path)
    name = "homemade:small"
    words = ["--epochs", "1", "--attack", "none", "--set", "network.arguments.hidden=5"]
    code, _, err = call("draw", "--data", "digits", "--network", name, *words, "--out", "run")
    assert code == 0, err

    monkeypatch.delitem(NETWORKS, name)
    code, _, err = call("show", "run/ticket.safetensors")
    assert code == 2
    assert f"name it with --network {name}" in err
    code, out, err = call("show", "run/ticket.safetensors", "--network", name)
    assert code == 0, err
    assert "homemade:small, hidden 5, signed_kaiming_constant" in out


def test_going_on_from_files_fine_tunes_and_draws(drawn: Path, tmp_path: Path) -> None:
    words = ["--data", "digits", "--epochs", "1", "--steps", "1", "--epsilon", "0.1"]
    ticket = drawn / "ticket.safetensors"

    code, out, err = call("train", *words, "--from", ticket, "--out", tmp_path / "tuned")
    assert code == 0, err
    assert "fine-tuned ticket" in out
    code, out, err = call(
        "train", *words, "--from", ticket, "--weights", "new", "--out", tmp_path / "new"
    )
    assert code == 0, err
    assert "kaiming_normal" in call("show", tmp_path / "new" / "network.safetensors")[1]
    code, _, err = call("draw", *words, "--from", ticket, "--out", tmp_path / "rtt")
    assert code == 2
    assert "its weights are random" in err
    code, _, err = call("train", *words, "--from", tmp_path / "x", "--out", tmp_path / "y")
    assert code == 2
    assert "no such ticket file" in err


def test_presets_are_shown_and_changed() -> None:
    code, out, err = call("show", "--preset", "cifar", "--set", "ratio=0.05", "--json")
    assert code == 0, err
    recipe = json.loads(out)
    assert (recipe["ratio"], recipe["learning"]["epochs"]) == ("0.05", 160)
    every = call("show", "--preset", "svhn")[1]
    assert "learning.milestones=0.5,0.75" in every
    assert "learning.precision=float32" in every
    assert "data.size: not given" in every
    assert "did you mean 'cifar'" in call("show", "--preset", "cifra")[2]
    assert "did you mean 'ratio'" in call("show", "--preset", "cifar", "--set", "ration=1")[2]
    assert "not both" in call("show", "x", "--preset", "cifar")[2]


@pytest.mark.parametrize(
    ("ratio", "power"), [([], "0.5"), (["ratio=0.05"], "0.5"), (["ratio=0.01"], "0.2")]
)
@pytest.mark.parametrize("preset", ["strong", "cifar-strong"])
def test_the_budget_of_a_strong_preset_follows_from_the_ratio(
    preset: str, ratio: list[str], power: str
) -> None:
    def pattern(*changes: str) -> dict[str, Any]:
        more = [word for change in changes for word in ("--set", change)]
        code, out, err = call("show", "--preset", preset, *more, "--json")
        assert code == 0, err
        found: dict[str, Any] = json.loads(out)["pattern"]
        return found

    assert pattern(*ratio)["power"] == power
    assert pattern(*ratio, "pattern.power=0.3")["power"] == "0.3"
    other = pattern(*ratio, "pattern.budget=erk")
    assert (other["budget"], other["power"], other["cap"]) == ("erk", None, None)
    assert "ratio must lie in (0, 1]" in call("show", "--preset", preset, "--set", "ratio=2")[2]


def test_ctrl_c_leaves_a_checkpoint_and_says_how_to_go_on(tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["draw", "--data", "digits", "--out", str(out), "--width", "8", "--epsilon", "0.1"]
    command = [sys.executable, "-m", "scratchticket", *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + PATIENCE
    while not (out / "log.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.1)

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)

    assert process.returncode == 2
    assert err.strip().splitlines()[-1].startswith("interrupted: stopped after step")
    assert "resume with the same command and --resume" in err.strip().splitlines()[-1]
    assert "Traceback" not in err
    assert (out / "checkpoint.safetensors").exists()
    assert not (out / "record.json").exists()


def test_text_in_brackets_is_printed_as_it_is(tmp_path: Path, ticket: st.Ticket) -> None:
    path = tmp_path / "[red]" / "ticket[bold].safetensors"
    path.parent.mkdir()
    odd = {"recipe": "[/x]", "results": {"natural": 1, "attacks": [{"total": 0}]}}
    replace(ticket, provenance=odd).save(path)

    assert "[/x]" in call("show", path)[1]
    code, out, _ = call("evaluate", path, "--data", "digits", "--attack", "none")
    assert code == 0
    assert "[red]/ticket[bold].safetensors" in out.replace("\n", "")
    assert "none (natural)" in out


def test_a_file_cannot_command_the_terminal(tmp_path: Path, ticket: st.Ticket) -> None:
    odd = {
        "recipe": {"note": "\x1b[2J\x1b]0;mine\x07"},
        "results": {"natural": {"correct": 10**19, "total": 1}, "attacks": [{}]},
    }
    replace(ticket, provenance=odd).save(tmp_path / "odd")

    code, out, err = call("show", tmp_path / "odd")

    assert code == 0, err
    assert "\x1b[2J" not in out
    assert "note=\\x1b[2J" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "--weights", "new"], "only for train with --from"),
        (["train", "--set", "scores=weights"], "training has no scores"),
        (["draw", "--set", "network.arguments=1"], "network.arguments needs the name of a setting"),
        (["draw", "--network", "./foo:bar"], "has no network 'bar'"),
        (["draw", "--granularity", "2:4", "--ratio", "0.1"], "2:4 keeps 0.5"),
        (["draw", "--set", "pattern.layers.x=0.5"], "no layer is named 'x'"),
    ],
)
def test_settings_that_cannot_be_are_refused_and_leave_the_folder_free(
    words: list[str], message: str, tmp_path: Path
) -> None:
    verb, *more = words
    code, _, err = call(verb, "--data", "digits", *more, "--out", tmp_path / "run")

    assert code == 2
    assert message in err
    assert not (tmp_path / "run").exists()


def test_a_start_brings_its_network_and_equal_values_are_no_contradiction(
    drawn: Path, tmp_path: Path
) -> None:
    ticket = drawn / "ticket.safetensors"
    words = ["train", "--data", "digits", "--from", ticket, "--epochs", "1", "--attack", "none"]
    equal = [
        "--width",
        "2",
        "--set",
        "network.fan_scale=1/1",
        "--set",
        "learning.augmentation=none",
    ]

    code, _, err = call(*words, *equal, "--preset", "svhn", "--out", tmp_path / "a")
    assert code == 0, err
    code, _, err = call(*words, "--width", "4", "--out", tmp_path / "b")
    assert code == 2
    assert "has network.width=2, not 4" in err


def test_progress_fits_a_terminal_of_80_columns() -> None:
    event = Event(
        step=380,
        steps=760,
        loss=torch.tensor(0.5),
        epochs=[Epoch(20, 0.5, 0.1, 30.0, Validation(st.Accuracy(180, 180), st.Accuracy(9, 180)))],
        total_epochs=40,
        judging=380.0,
    )
    shown = io.StringIO()
    progress = LearningProgress("draw preact_resnet18", quiet=False)
    progress._bar.live.console = Console(file=shown, width=80, force_terminal=True)
    progress._bar.disable = False
    for step, words in (
        (
            380,
            ("draw preact_resnet18", "epoch 2/40", "loss 0.500", "valid 100.0 % / 5.0 %", "left"),
        ),
        (760, ("evaluating", "left")),
    ):
        progress(replace(event, step=step))
        with progress._bar.live.console.capture() as capture:
            progress._bar.live.console.print(progress._bar.get_renderable())
        line = capture.get()
        for word in words:
            assert word in line, line
    assert progress._bar.tasks[0].percentage == pytest.approx(100 * 760 / (760 + 380))


def test_what_is_left_of_an_evaluation_is_not_guessed_from_other_attacks() -> None:
    progress = EvaluationProgress(quiet=False)
    shown = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    progress._bar.live.console = shown
    progress._bar.disable = False
    for done in range(1, 4):
        progress("natural", done, 12)
    progress("autoattack-100, linf, 8/255", 4, 12)

    with progress._bar.live.console.capture() as capture:
        progress._bar.live.console.print(progress._bar.get_renderable())

    line = " ".join(capture.get().split())
    assert line.startswith("autoattack-100, linf, 8/255")
    assert line.endswith("4/12 0:00:00")


def test_version_is_told() -> None:
    assert call("--version")[1].strip() == f"scratchticket {st.__version__}"
