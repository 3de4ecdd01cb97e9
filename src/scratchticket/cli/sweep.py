"""The verbs ``run`` and ``report``: tables and figures of the paper."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rich.box import SIMPLE
from rich.table import Table
from typer import Argument, Option

from scratchticket.cli import options as o
from scratchticket.cli.runs import STORE, StorePath
from scratchticket.cli.settings import pairs, with_settings
from scratchticket.cli.sweep_progress import SweepProgress, duration
from scratchticket.cli.terminal import cell, err, job_table, out, print_json, say, user_errors

if TYPE_CHECKING:
    from scratchticket.executors import Sweep, Watch
    from scratchticket.paper.report import Records


Names = Annotated[
    list[str] | None,
    Argument(
        metavar="NAME",
        help="table1 to table9, figure1 to figure14; or a study, see --list.",
        show_default=False,
    ),
]
Seeds = Annotated[
    str | None,
    Option(
        metavar="N|FROM:TO",
        help="How many seeds, from 0; or which: 1:3 are 1 and 2.",
        show_default="the scale's",
    ),
]
_COUNTED = ("finished", "failed", "to_do")
_SEEDS = re.compile(r"([0-9]{1,4}:)?[0-9]{1,4}")
#: How files begin that ``report`` has written.
PAGE = re.compile(rb"<!doctype html>.*<title>Robust scratch tickets at scale", re.DOTALL)
TABLES = re.compile(rb"## (Answers\n|(Table|Figure|Searches)( \d+)?: )")
RECORDS = re.compile(rb'{"id": "[0-9a-f]{64}", "job": ')


def run(
    names: Names = None,
    every: Annotated[bool, Option("--all", help="All tables and figures.")] = False,
    listed: Annotated[bool, Option("--list", help="Print the recipes and stop.")] = False,
    scale: Annotated[
        str,
        Option(help="paper: exactly; small: CIFAR-10 in part, narrow networks; quick: digits."),
    ] = "quick",
    store: StorePath = STORE,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Say what there is to do, and how much, and stop.")
    ] = False,
    workers: Annotated[int, Option(help="Processes; they share the cores, or the GPUs.")] = 1,
    on: Annotated[
        str, Option(help="here: this machine; slurm: a job array; ray: tasks of a Ray cluster.")
    ] = "here",
    cluster: Annotated[
        list[str] | None,
        Option(
            metavar="NAME=VALUE",
            help="For Slurm, options of sbatch, such as partition=gpu, gpus_per_node=1, time=240 "
            "(minutes). For Ray, address, and num_cpus, num_gpus, memory of a worker. Repeatable.",
            show_default=False,
        ),
    ] = None,
    seeds: Seeds = None,
    data: Annotated[
        list[str] | None,
        Option(
            metavar="NAME=PATH",
            help="Where a copy of cifar10, cifar100, svhn or imagenet lies; repeatable.",
            show_default="the hub",
        ),
    ] = None,
    panel: Annotated[
        list[str] | None,
        Option(
            metavar="NAME",
            help="Only this part, by the paper's names: 'resnet18 / cifar10'; repeatable.",
            show_default="all",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        Option(
            "--set",
            metavar="PATH=VALUE",
            help="A setting of every run instead of the scale's; repeatable.",
            show_default=False,
        ),
    ] = None,
    track: o.Track = False,
    json_output: o.Json = False,
    quiet: o.Quiet = False,
    device: o.Device = "auto",
) -> None:
    """Do what tables and figures of the paper need, each job once; a second call goes on.

    Any number of calls can work on one store at the same time, also from other machines.
    """
    with user_errors("go on with the same command"):
        from scratchticket.executors import Watch, calibrate, check_crew, execute
        from scratchticket.paper import NAMES

        if listed:
            _list(json_output)
            return
        chosen = NAMES if every else tuple(names or ())
        sweep = _sweep(chosen, scale, store, seeds, data, settings, track, tuple(panel or ()))
        watch = Watch(sweep.open(), sweep.jobs())
        check_crew(on, workers)
        if dry_run or (err.is_terminal and not quiet):
            calibrate(watch, on, workers, device)
        if dry_run and json_output:
            print_json(_stand(sweep, watch) | _rest(watch, workers))
            return
        if dry_run:
            if not quiet:
                _tell_jobs(watch)
            _tell(sweep, watch, workers)
            return
        sweep.open().retry(watch.failed)
        watch.look()
        with SweepProgress(watch, workers, quiet or json_output) as progress:
            told = dict(pairs(cluster, "--cluster", "NAME=VALUE"))
            execute(sweep, on, workers, device, told, observe=progress, tell=progress.say)
        if json_output:
            print_json(_stand(sweep, watch))
        _end(watch, silent=json_output)


def _sweep(  # noqa: PLR0917
    names: tuple[str, ...],
    scale: str,
    store: Path,
    seeds: str | None,
    data: list[str] | None,
    settings: list[str] | None,
    track: bool = False,
    panels: tuple[str, ...] = (),
) -> Sweep:
    """Return what is asked for.

    Raises:
        InputError: If something of it is not known.
    """
    from scratchticket.base.errors import InputError, unknown
    from scratchticket.base.files import check_text
    from scratchticket.data import DATA_SETS
    from scratchticket.executors import Sweep

    places = []
    for name, path in pairs(data, "--data", "NAME=PATH"):
        if name not in DATA_SETS:
            raise unknown("data set", name, DATA_SETS)
        if not Path(path).expanduser().exists():
            raise InputError(f"no such data: {path}")
        place = str(Path(path).expanduser().resolve())
        check_text(place, "--data")
        places.append((name, place))
    changes = tuple(with_settings({}, settings).items())
    some = () if seeds is None else _seeds(seeds)
    return Sweep(names, scale, str(store), tuple(places), some, changes, track, panels)


def _seeds(text: str) -> tuple[int, ...]:
    """Read how many seeds, or from which up to which other one.

    Raises:
        InputError: If it is neither, or none.
    """
    from scratchticket.base.errors import InputError

    if not _SEEDS.fullmatch(text):
        raise InputError(f"seeds are a number, 3, or a range, 1:3, below 10,000, got {text!r}")
    first, _, end = text.rpartition(":")
    some = tuple(range(int(first or 0), int(end)))
    if not some:
        raise InputError(f"there must be at least one seed, got {text}")
    return some


def _list(json_output: bool) -> None:
    """Print what each recipe asks."""
    from scratchticket.paper import NAMES, paper_recipe, studies

    recipes = [paper_recipe(name) for name in (*NAMES, *studies())]
    if json_output:
        print_json([{"name": recipe.name, "question": recipe.question} for recipe in recipes])
        return
    table = Table(box=SIMPLE, show_header=False)
    for recipe in recipes:
        table.add_row(recipe.name, cell(recipe.question))
    out.print(table)


def _stand(sweep: Sweep, watch: Watch) -> dict[str, Any]:
    """Return where recipes and jobs stand, for JSON."""
    jobs = []
    for job, state in watch.states.items():
        facts = {"id": watch.store.folder(job).name, "state": _said(state), "label": job.label}
        if state == "failed":
            facts["why"] = str(watch.store.failure(job))
        jobs.append(facts)
    scale = sweep.sized()
    return {
        "store": str(watch.store.path),
        "scale": scale.name,
        "less_than_in_the_paper": list(scale.differences),
        "recipes": [
            {"name": name} | dict(zip(("jobs", *_COUNTED), counts, strict=True))
            for name, counts in _counted(sweep, watch)
        ],
        "jobs": jobs,
    }


def _rest(watch: Watch, workers: int) -> dict[str, Any]:
    """Return how long the rest takes, for JSON, as far as it can be estimated."""
    seconds, unknown = watch.left(workers, again=True)
    return {"left": {"seconds": seconds, "workers": workers, "jobs_not_measured": unknown}}


def _said(state: str) -> str:
    """Return what people call a state."""
    return "to do" if state == "new" else state


def _tell_jobs(watch: Watch) -> None:
    """Say where each job stands."""
    states = watch.states.items()
    out.print(job_table((job.id[:16], _said(state), job.label) for job, state in states))


def _counted(sweep: Sweep, watch: Watch) -> list[tuple[str, tuple[int, int, int, int]]]:
    """Return of each recipe its jobs, and how many are finished, failed, and to do."""
    counted = []
    for recipe in sweep.recipes():
        states = [watch.states[job] for job in sweep.jobs_of(recipe)]
        finished, failed = states.count("finished"), states.count("failed")
        numbers = len(states), finished, failed, len(states) - finished - failed
        counted.append((recipe.name, numbers))
    return counted


def _tell(sweep: Sweep, watch: Watch, workers: int) -> None:
    """Say how much there is to do."""
    scale = sweep.sized()
    table = Table(box=SIMPLE)
    table.add_column("recipe")
    for heading in ("jobs", "finished", "failed", "to do"):
        table.add_column(heading, justify="right")
    for name, numbers in _counted(sweep, watch):
        table.add_row(name, *map(str, numbers))
    out.print(table)
    todo = len(watch.jobs) - watch.counts["finished"] - len(watch.failed)
    again = f", {len(watch.failed)} to try again" if watch.failed else ""
    left, unknown = watch.left(workers, again=True)
    cost = "how long that takes is known once one of them is finished"
    if left or not unknown:
        more = f", and {unknown} jobs on data of unknown size" if unknown else ""
        cost = f"about {duration(left)} with {workers} worker{'s' * (workers > 1)}{more}"
    say(f"{len(watch.jobs)} jobs in all, shared between recipes; {todo} to do{again}: {cost}")
    for line in scale.differences:
        say(f"less than in the paper: {line}")


def _end(watch: Watch, *, silent: bool = False) -> None:
    """Say what came out, and how failed jobs are tried again.

    Args:
        watch: Of the jobs.
        silent: Only raise.

    Raises:
        InputError: If some failed.
    """
    from scratchticket.base.errors import InputError

    if not silent:
        counted = f"{watch.counts['finished']} of {len(watch.jobs)} jobs"
        say(f"{counted} are finished in {watch.store.path}")
    missing = len(watch.jobs) - watch.counts["finished"] - len(watch.failed)
    if not watch.failed:
        if missing:
            raise InputError(f"{missing} jobs are missing; the same command goes on with them")
        return
    for job in () if silent else watch.failed:
        say(f"failed: {job.id[:16]} {job.label}: {watch.store.failure(job)}")
    waiting = f", {missing} wait for them" if missing else ""
    kept = sum((watch.store.folder(job) / "record.json").exists() for job in watch.failed)
    first = f", {kept} of them when their folders are removed" if kept else ""
    raise InputError(
        f"{len(watch.failed)} job{'s' * (len(watch.failed) > 1)} failed{waiting}; "
        f"the same command tries them again{first}"
    )


def report(
    names: Names = None,
    scale: Annotated[str, Option(help="paper, small or quick.")] = "quick",
    store: StorePath = STORE,
    records: Annotated[
        Path | None,
        Option(help="A file of records instead of a store.", show_default=False),
    ] = None,
    seeds: Annotated[
        str | None,
        Option(
            metavar="N|FROM:TO",
            help="As for `run`.",
            show_default="all that were run",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        Option("--set", metavar="PATH=VALUE", help="As for `run`.", show_default=False),
    ] = None,
    out_: Annotated[Path, Option("--out", help="The page to write.")] = Path("report.html"),
    markdown: Annotated[
        Path | None, Option(help="Write the tables as Markdown too.", show_default=False)
    ] = None,
    export: Annotated[
        Path | None,
        Option(help="Write the records to a file, a JSON line each.", show_default=False),
    ] = None,
) -> None:
    """Write one HTML page: the paper's tables and figures from what is finished so far."""
    with user_errors("the same command makes it anew"):
        from scratchticket.base.errors import InputError
        from scratchticket.base.files import check_writable, write_atomically
        from scratchticket.paper import NAMES
        from scratchticket.paper.report import Records, document, found, page
        from scratchticket.paper.report.found import seeds_of_store

        given = [path for path in (out_, markdown, export) if path is not None]
        if len(set(given)) < len(given):
            raise InputError("--out, --markdown and --export must be different files")
        for path, begins in ((out_, PAGE), (markdown, TABLES), (export, RECORDS)):
            _check_own(path, begins)
            if path is not None:
                check_writable(path)
        sweep = _sweep(tuple(names) if names else NAMES, scale, store, seeds, None, settings)
        if records is None and not store.is_dir():
            raise InputError(f"no such store: {store}; fill it with `scratchticket run`")
        read = None if records is None else Records.load(records)
        there = seeds_of_store(store) if read is None else read.seeds()
        opened, every = sweep.open(), replace(sweep, seeds=there) if there else sweep
        asked = every if seeds is None else sweep
        known = Records.of(opened, asked.jobs()) if read is None else read
        if seeds is None and (done := _seeds_of(every, known)):
            sweep = replace(sweep, seeds=done)
        jobs = sweep.jobs()
        sized = sweep.sized()
        founds = [found(recipe, sized, known) for recipe in sweep.recipes()]
        write_atomically(out_, page(sized, founds, known))
        if markdown is not None:
            write_atomically(markdown, document(sized, founds))
        if export is not None:
            known.save(export)
        filled = sum(bool(f.done) for f in founds)
        say(f"{out_}: {filled} of {len(founds)} recipes have numbers")
        if left := [str(seed) for seed in there if seeds and seed not in sized.seeds]:
            say(f"note: left out, as --seeds says: what was run with seed {', '.join(left)}", err)
        if unused := len(known.by_id.keys() - {job.id for job in jobs}):
            say(f"note: {unused} of {len(known.by_id)} records are of other recipes or seeds", err)
        for job in jobs if read is None else []:
            if (why := opened.failure(job)) is not None:
                say(f"note: {job.id[:16]} {job.label} failed: {why}", err)
        if not filled:
            told = f"--scale {scale}, with these --seeds and --set"
            say(f"note: no record is of these recipes at {told}", err)


def _seeds_of(sweep: Sweep, known: Records) -> tuple[int, ...]:
    """Return those seeds of a sweep of which something is done."""
    return tuple(
        seed
        for seed in sweep.sized().seeds
        if any(job.id in known.by_id for job in replace(sweep, seeds=(seed,)).jobs())
    )


def _check_own(path: Path | None, begins: re.Pattern[bytes]) -> None:
    """Refuse to replace a file that is no earlier report.

    Raises:
        InputError: If it is something else.
    """
    from scratchticket.base.errors import InputError

    if path is None or not path.exists():
        return
    beginning = path.read_bytes()[:1000] if path.is_file() else b""
    if beginning and not begins.match(beginning):
        raise InputError(f"{path} exists and is no report of this kind; choose another file")
    if not path.is_file():
        raise InputError(f"{path} is no file; choose another")
