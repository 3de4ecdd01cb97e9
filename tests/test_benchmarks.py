"""The benchmarks run on a small network, and pages show what the records say."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from dataclasses import asdict, replace
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image

import scratchticket as st
from scratchticket.attacks import PGD
from scratchticket.base.accuracy import Accuracy
from scratchticket.data import DataRecipe
from scratchticket.learning import Validation
from scratchticket.networks import bare
from scratchticket.paper.scales import scale_named
from scratchticket.paper.study import attack_settings
from scratchticket.tickets import drawing
from scratchticket.tickets.draw import Task

pytest.importorskip("zstandard")
ROOT = Path(__file__).parents[1]


def module(folder: str, name: str) -> ModuleType:
    """Import a file that is in no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name] = loaded  # dataclasses look their module up
    spec.loader.exec_module(loaded)
    return loaded


NAMES = "ticket_size switching attacks released draw parts measure photographs gpu"
size, switching, attacks, released, draws, parts, measure, photographs, gpu = (
    importlib.import_module(f"benchmarks.{name}") for name in NAMES.split()
)
tables = module("tools", "benchmark_tables")
pages = module("tools", "update_pages")


def case(width: int) -> object:
    return size.Case(st.NetworkRecipe("resnet18", width=width), image_size=8)


@pytest.mark.parametrize("ratio", ["0.01", "0.1", "0.5"])
def test_a_file_is_as_small_as_entropy_allows(ratio: str, tmp_path: Path) -> None:
    ticket = size.random_ticket(case(width=7), ratio)

    count = size.written(ticket, tmp_path)

    least = count["entropy"]
    assert ticket.mask.total >= 100_000
    assert 0.999 * least <= count["mask"] <= 1.02 * least
    assert count["file"] <= 1.02 * least + count["statistics"] + count["header"]
    assert count["file"] < count["zstd"] < count["released"]


def test_what_it_is_compared_with_holds_the_same_network(tmp_path: Path) -> None:
    ticket = size.random_ticket(case(width=2), "0.1")
    network = bare(ticket.build())
    (tmp_path / "dense").write_bytes(size.compressed(ticket))
    state = size.decompressed(tmp_path / "dense")
    released = size.released_checkpoint(ticket)

    assert state.keys() == network.state_dict().keys()
    for name, value in network.state_dict().items():
        assert torch.equal(state[name], value)
    for name, mask in ticket.mask.items():
        own = released["state_dict"][f"module.{name}"]
        assert torch.equal(own[mask], network.state_dict()[name][mask])
        assert (
            released["state_dict"][f"module.{name.replace('weight', 'scores')}"].shape == own.shape
        )
    momenta = [value["momentum_buffer"] for value in released["optimizer"]["state"].values()]
    assert [value.shape for value in momenta] == [mask.shape for mask in ticket.mask.values()]


def test_earlier_rows_are_kept_and_the_newest_is_shown() -> None:
    first, other = (size.random_ticket(case(width=2), ratio) for ratio in ("0.1", "0.5"))
    drawn = size.drawn_ticket(st.NetworkRecipe("resnet18", width=2), "0.1", epochs=1)
    rows = [
        size.row(drawn, "0.1", "drawn", passes=1),
        size.row(other, "0.5", "random", passes=1),
        size.row(first, "0.1", "random", passes=1),
    ]

    assert [row.recipe is not None for row in rows] == [True, False, False]
    again = rows[0].model_copy(update={"bytes": rows[0].bytes | {"file": 123_456}})
    table = tables.ticket_size([*rows, again])
    lines = [line for line in table.splitlines() if line.startswith("| resnet18, width 2 |")]
    shown = [line.split(" | ")[1:3] for line in lines]
    assert shown == 3 * [["10", "random"], ["50", "random"], ["10", "drawn"]]
    assert "123,456" in lines[2]


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--help"], "ticket_size"), (["ticket_size", "--help"], "--ratio"), (["speed"], "there are")],
)
def test_the_benchmarks_explain_themselves(words: list[str], said: str) -> None:
    command = [sys.executable, "-m", "benchmarks", *words]

    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)

    assert said in done.stdout
    assert done.returncode == (2 if words == ["speed"] else 0)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_limit_is_that_of_the_faster_library(
    precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "PRODUCT", 512)
    of_convolutions = measure.product_rate("cpu", precision, 0.2)
    monkeypatch.setattr(measure.F, "conv2d", lambda image, kernels: None)  # takes no time

    assert measure.product_rate("cpu", precision, 0.2) > 100 * of_convolutions > 0


def test_memory_is_that_of_the_process_alone() -> None:
    """Linux hands ru_maxrss on to a child; what is measured here must not be."""
    held = torch.ones(100 << 20)
    code = "from benchmarks.measure import most_memory; print(most_memory())"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert measure.most_memory() >= held.nbytes
    assert int(done.stdout) < measure.most_memory() - held.nbytes // 2


def test_parts_are_measured_beside_what_they_stand_for() -> None:
    row = parts.measured(scores=10_000, weights=10_000, images=512, turns=1)

    assert row.spread("select", "ours").median < row.spread("select", "reference").median
    assert row.spread("help", "ours").median < 5
    assert row.count("prepare") == 512
    assert row.spread("decode", "reference").median > 0


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.path)
def test_a_page_shows_what_its_records_say(page: object) -> None:
    text = (ROOT / page.path).read_text()

    assert pages.updated(page, text) == text, "run python tools/update_pages.py"


@pytest.mark.parametrize("picture", pages.PICTURES, ids=lambda picture: picture.path)
def test_a_picture_shows_what_its_records_say(picture: object) -> None:
    pin = f"matplotlib=={version('matplotlib')}\n"
    if pin not in (ROOT / "constraints" / "pinned.txt").read_text():
        pytest.skip("another version of Matplotlib draws it otherwise")
    drawn = picture.draw(pages.read(picture.records))

    assert (ROOT / picture.path).read_text() == drawn, "run python tools/update_pages.py"


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(SystemExit, match="markers"):
        pages.updated(pages.PAGES[0], "nothing")


def test_packed_tickets_take_less_memory_than_resident_ones() -> None:
    row = switching.measured(st.NetworkRecipe("resnet18", width=4), count=6)

    held = row.bytes
    assert held["packed"] < 0.5 * held["resident"]
    assert held["resident"] == 6 * held["dense"]
    assert set(row.seconds) == {"forward", "switch", "packed", "resident", "draw", "copy"}
    assert "| resnet18 | 6 |" in tables.switching([row])


def test_pgd_is_timed_beside_foolbox() -> None:
    pytest.importorskip("foolbox")
    ticket = st.Ticket.load("gallery:digits-seed2/ticket")
    network, images = ticket.build(), st.load_data("digits").test[slice(100)]

    epsilon = attacks.halving(network, images)
    row = attacks.timed(attacks.pgd_runs(ticket, images, epsilon), len(images), 3)

    assert 0.1 < float(epsilon) < 0.3
    assert all(0 < took.min <= took.median <= took.max for took in row.values())
    for other in ("foolbox", "reference"):
        assert abs(row["scratchticket"].accuracy - row[other].accuracy) <= 0.1
    assert attacks.limit(network, images, passed=500) > 0


DATA = DataRecipe()
TINY = {"network": st.NetworkRecipe("resnet18", width=4), "shape": (1, 8, 8), "batch": 8}


def test_the_reference_computes_what_we_compute() -> None:
    """The same masks, and without an attack the same step of the scores."""
    case_ = draws.Case(**TINY, steps=1)
    learning = st.LearningRecipe(
        epochs=1, batch_size=8, augmentation="none", statistics="running", momentum=0.9
    )
    images = case_.images()[slice(0, 8)]
    nothing = images[slice(0, 1)]
    data = st.Data("x", tuple("0123456789"), images, nothing, nothing, (0.0,), (1.0,), DATA)
    unknown = Validation(Accuracy(0, 1), Accuracy(0, 1))
    task = Task(data, case_.network, st.AttackRecipe("none"), learning, lambda _: unknown)
    job = drawing(task, "0.1")
    reference = released.masked(case_.build(), 0.1)
    before = {name: tensor.detach().clone() for name, tensor in job.learner.tensors().items()}
    layers = {
        f"{name}.weight": layer
        for name, layer in reference.named_modules()
        if isinstance(layer, released.Masked)
    }
    for name, layer in layers.items():
        assert torch.equal(layer.scores.detach(), before[name])
        mask = released.TopMask.apply(layer.scores.abs(), 0.1)
        assert torch.equal(mask.bool(), job.learner.result()[name])

    job.run()
    step = released.stepper(reference, epsilon=0.0, step_size=0.0, steps=1)
    order = st.base.rng.permutation(8, 0, "batches", 0)
    chosen = images[order]
    step(chosen.images.float() / 255, chosen.labels)

    for name, layer in layers.items():
        ours = job.learner.tensors()[name] - before[name]
        theirs = layer.scores.detach() - before[name]
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-6)


def test_operations_are_those_of_the_literature() -> None:
    whole = draws.Case(st.NetworkRecipe("resnet18"), (3, 32, 32), 1)
    forward = 2 * 0.5556e9  # He et al.'s network at 32x32, stride 1 and no pooling at the start

    assert draws.operations(whole) == pytest.approx(17 * forward, rel=0.005)


def test_weights_that_meet_padding_alone_are_no_operations() -> None:
    image = draws.Case(st.NetworkRecipe("resnet18", width=8), (1, 1, 1), 1, "fgsm")  # one pixel
    channels = ((1, 8), *[(8, 8)] * 4)  # of the first layers; each later stage has more
    for narrow, wide in ((8, 16), (16, 32), (32, 64)):
        channels += ((narrow, wide), *[(wide, wide)] * 3, (narrow, wide))  # a shortcut at the end
    forward = 2 * (sum(inputs * outputs for inputs, outputs in channels) + 64 * 10)

    assert draws.operations(image) == (2 + 3) * forward - 2 * 8  # the update leaves images alone


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_draw_is_measured_beside_the_reference(
    precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draws, "peak", lambda *_: 1)
    monkeypatch.setattr(draws, "product_rate", lambda *_: 1e9)
    monkeypatch.setattr(draws, "TURNS", 2)

    row = draws.measured("tiny", draws.Case(**TINY, steps=1), 1, draws.Way(precision=precision))

    assert row.ratio.min <= row.ratio.median <= row.ratio.max
    assert sum(row.reference_split.values()) == pytest.approx(1)
    assert row.reference_split["sorting"] > 0
    assert row.attack == "pgd-7, linf, 8/255"
    assert row.way.precision == precision
    peak = {"ours": 2**20, "reference": 2**21}
    assert "| 1 | 2 |" in tables.draw([row.model_copy(update={"peak_bytes": peak})])


def test_the_reference_computes_in_the_contiguous_format(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    def noted(*given: object, **named: object) -> object:
        return lambda images, labels: seen.append(images.is_contiguous())

    monkeypatch.setattr(draws, "_released", noted)
    case = draws.Case(st.NetworkRecipe("resnet18", width=2), (3, 8, 8), 4, steps=1)

    draws.once("reference", case, draws.Way())

    assert seen == [True] * 3
    assert not draws.pixels(case.images().images).is_contiguous()  # as ours is given them


def test_memory_is_measured_over_equally_many_steps() -> None:
    case = draws.Case(**TINY, steps=1)

    assert len(draws.once("ours", case, draws.Way())) == 1  # the first and last are not in the list
    assert len(draws.once("reference", case, draws.Way())) == 2  # the first is not in the list


def write_photographs(path: Path) -> None:
    """Write a table of 48 of them."""
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    content = BytesIO()
    Image.new("RGB", (9, 9)).save(content, "JPEG")
    images = [{"bytes": content.getvalue(), "path": None}] * 48
    parquet.write_table(pa.table({"image": images, "label": [0, 1] * 24}), path)


def test_photographs_are_measured(tmp_path: Path) -> None:
    write_photographs(tmp_path / "few.parquet")
    rows = []
    for number, what in enumerate(("input", "imagenet_resnet18")):
        one = photographs.Case(what, "folder", large=not number, count=48, side=32)
        place = photographs.laid(one, tmp_path / "few.parquet", tmp_path / what)
        found = photographs.measured(one, place, steps=1)
        where = measure.circumstances()
        rows.append(photographs.PhotographsRow(**where, **asdict(one), **found))

    assert 24 < rows[0].images < 48  # some are put aside
    assert rows[1].images == 16
    assert 0 <= rows[1].waiting < rows[1].seconds
    assert f"folder, 500x375 | {rows[0].images} |" in tables.photographs(rows)


def plan(out: Path) -> object:
    small = {"network.width": 2, "learning.precision": "float32", "learning.epochs": 3}
    scale = replace(scale_named("full"), changes=small)
    return gpu.Plan("cpu", "small", scale, str(out / "data.npz"), out)


def test_a_stage_that_takes_too_long_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log.txt"

    assert gpu.within(60.0, ["-c", "print(2 + 3)"], log)
    assert not gpu.within(60.0, ["-c", "raise SystemExit(1)"], log)
    assert not gpu.within(0.0, ["-c", "print('never')"], log)
    monkeypatch.setattr(gpu, "LEAST", 0.0)
    assert not gpu.within(0.2, ["-c", "import time; time.sleep(60)"], log)

    said = log.read_text()
    assert "5\n" in said
    assert "\nnever" not in said
    assert "cut off" in said


def test_as_many_epochs_are_planned_as_fit() -> None:
    assert gpu.epochs_within(100.0, 3.0, most=40) == 30
    assert gpu.epochs_within(1000.0, 3.0, most=40) == 40
    assert gpu.epochs_within(-5.0, 3.0, most=40) == 1


def test_the_ticket_is_drawn_in_the_fastest_way() -> None:
    rows = gpu.read_rows(gpu.DrawRow, (json.loads(line) for line in gpu.lines_of(draws.RECORDS)))
    fastest = min(rows, key=lambda row: row.seconds["ours"].median)

    assert gpu.fastest(rows)["learning.compile"] == fastest.way.compile
    assert gpu.fastest([])["learning.precision"] == "bfloat16"


def test_a_ticket_is_drawn_and_judged_within_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws = np.random.default_rng(0)
    images = draws.integers(0, 256, (100, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(100) % 10
    np.savez(
        tmp_path / "data.npz",
        train_images=images,
        train_labels=labels,
        test_images=images[:20],
        test_labels=labels[:20],
    )
    pgd = attack_settings((st.Attack(PGD(2), "8/255"),), ["8/255"], images=20)
    monkeypatch.setattr(gpu, "attacks", lambda scale: [(pgd, {})])

    gpu.drawn_and_judged(plan(tmp_path), {}, until=time.monotonic() + 1000)

    ticket = st.Ticket.load(tmp_path / "ticket.safetensors")
    assert ticket.remaining_ratio == pytest.approx(0.1, abs=0.01)
    drawn, judged = (json.loads((tmp_path / f"record-{n}.json").read_text()) for n in (0, 1))
    assert drawn["recipe"]["learning"]["epochs"] == 3
    assert judged["attacks"][0]["total"] == 20
