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
from scratchticket.cli.device import chosen_device
from scratchticket.cli.runs import STORE, StorePath
from scratchticket.cli.settings import name_value_pairs, with_settings
from scratchticket.cli.sweep_progress import SweepProgress, duration
from scratchticket.cli.terminal import cell, err, job_table, out, print_json, say, user_errors

if TYPE_CHECKING:
    from scratchticket.executors import Sweep, Watch
    from scratchticket.paper.report import Records


Names = Annotated[
    list[str] | None,
    Argument(
        metavar="NAME",
        help="Recipes: table1 to table9, figure1 to figure14, or a study; see --list.",
        show_default=False,
    ),
]
Seeds = Annotated[
    str | None,
    Option(
        metavar="N|FROM:TO",
        help="Number of seeds, from 0; or a range: 1:3 is 1 and 2.",
        show_default="the scale's",
    ),
]
_COUNTS = ("finished", "failed", "to_do")
_SEEDS = re.compile(r"([0-9]{1,4}:)?[0-9]{1,4}")
# How files written by ``report`` begin; it refuses to replace any other file.
PAGE = re.compile(rb"<!doctype html>.*<title>Robust scratch tickets at scale", re.DOTALL)
TABLES = re.compile(rb"## (Answers\n|(Table|Figure|Searches)( \d+)?: )")
RECORDS = re.compile(rb'{"id": "[0-9a-f]{64}", "job": ')


def run(
    names: Names = None,
    every: Annotated[bool, Option("--all", help="All tables and figures.")] = False,
    listed: Annotated[bool, Option("--list", help="Print the recipes and stop.")] = False,
    scale: Annotated[
        str,
        Option(
            help="paper: as published; full: fewer epochs; small: part of CIFAR-10, narrow "
            "networks; quick: digits."
        ),
    ] = "quick",
    store: StorePath = STORE,
    dry_run: Annotated[
        bool,
        Option("--dry-run", help="Print the remaining jobs and how long they take, and stop."),
    ] = False,
    workers: Annotated[int, Option(help="Number of processes; they share the cores or GPUs.")] = 1,
    on: Annotated[
        str, Option(help="here: this machine; slurm: a job array; ray: tasks of a Ray cluster.")
    ] = "here",
    cluster: Annotated[
        list[str] | None,
        Option(
            metavar="NAME=VALUE",
            help="For Slurm, an option of sbatch: partition=gpu, gpus_per_node=1, time=240 "
            "(minutes). For Ray, address, or num_cpus, num_gpus, memory of a worker. Repeatable.",
            show_default=False,
        ),
    ] = None,
    seeds: Seeds = None,
    data: Annotated[
        list[str] | None,
        Option(
            metavar="NAME=PATH",
            help="Path of a local copy of cifar10, cifar100, svhn or imagenet; repeatable.",
            show_default="download from the hub",
        ),
    ] = None,
    panel: Annotated[
        list[str] | None,
        Option(
            metavar="NAME",
            help="Only this panel of a table or figure, such as 'resnet18 / cifar10'; repeatable.",
            show_default="all",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        Option(
            "--set",
            metavar="PATH=VALUE",
            help="Setting of every run that overrides the scale's; repeatable.",
            show_default=False,
        ),
    ] = None,
    track: o.Track = False,
    json_output: o.Json = False,
    quiet: o.Quiet = False,
    device: o.Device = "auto",
) -> None:
    """Run the jobs of the paper's tables and figures, each job only once.

    The same command resumes an interrupted sweep. Several calls, also on different machines, can
    share one store at the same time.
    """
    with user_errors("resume with the same command"):
        from scratchticket.executors import Watch, calibrate, check_crew, execute
        from scratchticket.paper import NAMES

        if listed:
            _print_recipes(json_output)
            return
        chosen = NAMES if every else tuple(names or ())
        sweep = _sweep(chosen, scale, store, seeds, data, settings, track, tuple(panel or ()))
        watch = Watch(sweep.open(), sweep.jobs())
        check_crew(on, workers)
        if on == "here":
            device = chosen_device(device)
        if dry_run or (err.is_terminal and not quiet):
            calibrate(watch, on, workers, device)
        if dry_run and json_output:
            print_json(_status(sweep, watch) | _time_left(watch, workers))
            return
        if dry_run:
            if not quiet:
                _print_jobs(watch)
            _print_counts(sweep, watch, workers)
            return
        sweep.open().retry(watch.failed)
        watch.look()
        with SweepProgress(watch, workers, quiet or json_output) as progress:
            options = dict(name_value_pairs(cluster, "--cluster", "NAME=VALUE"))
            execute(sweep, on, workers, device, options, observe=progress, tell=progress.say)
        if json_output:
            print_json(_status(sweep, watch))
        _print_outcome(watch, silent=json_output)


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
    """Return the sweep that the options describe."""
    from scratchticket.base.errors import InputError, unknown
    from scratchticket.base.files import check_text
    from scratchticket.data import DATA_SETS
    from scratchticket.executors import Sweep

    places = []
    for name, path in name_value_pairs(data, "--data", "NAME=PATH"):
        if name not in DATA_SETS:
            raise unknown("data set", name, DATA_SETS)
        if not Path(path).expanduser().exists():
            raise InputError(f"no such data: {path}")
        place = str(Path(path).expanduser().resolve())
        check_text(place, "--data")
        places.append((name, place))
    changes = tuple(with_settings({}, settings).items())
    chosen = () if seeds is None else _seeds(seeds)
    return Sweep(names, scale, str(store), tuple(places), chosen, changes, track, panels)


def _seeds(text: str) -> tuple[int, ...]:
    """Return the seeds of ``--seeds``, a number or a range."""
    from scratchticket.base.errors import InputError

    if not _SEEDS.fullmatch(text):
        raise InputError(
            f"--seeds takes a number such as 3, or a range such as 1:3, below 10,000, got {text!r}"
        )
    first, _, end = text.rpartition(":")
    seeds = tuple(range(int(first or 0), int(end)))
    if not seeds:
        raise InputError(f"there must be at least one seed, got {text}")
    return seeds


def _print_recipes(json_output: bool) -> None:
    """Print each recipe with its question."""
    from scratchticket.paper import NAMES, paper_recipe, studies

    recipes = [paper_recipe(name) for name in (*NAMES, *studies())]
    if json_output:
        print_json([{"name": recipe.name, "question": recipe.question} for recipe in recipes])
        return
    table = Table(box=SIMPLE, show_header=False)
    for recipe in recipes:
        table.add_row(recipe.name, cell(recipe.question))
    out.print(table)


def _status(sweep: Sweep, watch: Watch) -> dict[str, Any]:
    """Return the states of recipes and jobs, as JSON values."""
    jobs = []
    for job, state in watch.states.items():
        facts = {
            "id": watch.store.folder(job).name,
            "state": _shown_state(state),
            "label": job.label,
        }
        if state == "failed":
            facts["why"] = str(watch.store.failure(job))
        jobs.append(facts)
    scale = sweep.sized()
    return {
        "store": str(watch.store.path),
        "scale": scale.name,
        "less_than_in_the_paper": list(scale.differences),
        "recipes": [
            {"name": name} | dict(zip(("jobs", *_COUNTS), counts, strict=True))
            for name, counts in _job_counts(sweep, watch)
        ],
        "jobs": jobs,
    }


def _time_left(watch: Watch, workers: int) -> dict[str, Any]:
    """Return the estimated time of the remaining jobs, as JSON values."""
    seconds, unknown = watch.left(workers, again=True)
    return {"left": {"seconds": seconds, "workers": workers, "jobs_not_measured": unknown}}


def _shown_state(state: str) -> str:
    """Return the name under which a state is shown."""
    return "to do" if state == "new" else state


def _print_jobs(watch: Watch) -> None:
    """Print each job with its state."""
    states = watch.states.items()
    out.print(job_table((job.id[:16], _shown_state(state), job.label) for job, state in states))


def _job_counts(sweep: Sweep, watch: Watch) -> list[tuple[str, tuple[int, int, int, int]]]:
    """Return the numbers of all, finished, failed and remaining jobs, by recipe."""
    counts = []
    for recipe in sweep.recipes():
        states = [watch.states[job] for job in sweep.jobs_of(recipe)]
        finished, failed = states.count("finished"), states.count("failed")
        numbers = len(states), finished, failed, len(states) - finished - failed
        counts.append((recipe.name, numbers))
    return counts


def _print_counts(sweep: Sweep, watch: Watch, workers: int) -> None:
    """Print the numbers of jobs by recipe, and the time that the remaining ones take."""
    scale = sweep.sized()
    table = Table(box=SIMPLE)
    table.add_column("recipe")
    for heading in ("jobs", "finished", "failed", "to do"):
        table.add_column(heading, justify="right")
    for name, numbers in _job_counts(sweep, watch):
        table.add_row(name, *map(str, numbers))
    out.print(table)
    todo = len(watch.jobs) - watch.counts["finished"] - len(watch.failed)
    again = f", {len(watch.failed)} to try again" if watch.failed else ""
    left, unknown = watch.left(workers, again=True)
    cost = "the time is known once one of them is finished"
    if left or not unknown:
        more = f", and {unknown} jobs on data of unknown size" if unknown else ""
        cost = f"about {duration(left)} with {workers} worker{'s' * (workers > 1)}{more}"
    say(f"{len(watch.jobs)} jobs in all, shared between recipes; {todo} to do{again}: {cost}")
    for line in scale.differences:
        say(f"less than in the paper: {line}")


def _print_outcome(watch: Watch, *, silent: bool = False) -> None:
    """Print how many jobs are finished, and which failed and why; raise an error if not all are.

    With ``silent``, only raise the error.
    """
    from scratchticket.base.errors import InputError

    if not silent:
        finished = f"{watch.counts['finished']} of {len(watch.jobs)} jobs"
        say(f"{finished} are finished in {watch.store.path}")
    missing = len(watch.jobs) - watch.counts["finished"] - len(watch.failed)
    if not watch.failed:
        if missing:
            raise InputError(f"{missing} jobs are not finished; resume with the same command")
        return
    for job in () if silent else watch.failed:
        say(f"failed: {job.id[:16]} {job.label}: {watch.store.failure(job)}")
    waiting = f", {missing} more depend on them" if missing else ""
    damaged = sum((watch.store.folder(job) / "record.json").exists() for job in watch.failed)
    first = f", but {damaged} of them only after you remove their folders" if damaged else ""
    raise InputError(
        f"{len(watch.failed)} job{'s' * (len(watch.failed) > 1)} failed{waiting}; "
        f"the same command tries them again{first}"
    )


def report(
    names: Names = None,
    scale: Annotated[str, Option(help="paper, full, small or quick.")] = "quick",
    store: StorePath = STORE,
    records: Annotated[
        Path | None,
        Option(help="File of records to read instead of a store.", show_default=False),
    ] = None,
    seeds: Annotated[
        str | None,
        Option(
            metavar="N|FROM:TO",
            help="Number or range of seeds, as for run.",
            show_default="all that were run",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        Option("--set", metavar="PATH=VALUE", help="Setting, as for run.", show_default=False),
    ] = None,
    out_: Annotated[Path, Option("--out", help="HTML file to write.")] = Path("report.html"),
    markdown: Annotated[
        Path | None, Option(help="Markdown file to write the tables to.", show_default=False)
    ] = None,
    export: Annotated[
        Path | None,
        Option(help="JSON Lines file to write the records to.", show_default=False),
    ] = None,
) -> None:
    """Write an HTML page with the paper's tables and figures from the jobs finished so far."""
    with user_errors("repeat the command to write the report"):
        from scratchticket.base.errors import InputError
        from scratchticket.base.files import check_writable, write_atomically
        from scratchticket.paper import NAMES
        from scratchticket.paper.report import Records, document, found, page
        from scratchticket.paper.report.found import seeds_of_store

        paths = [path for path in (out_, markdown, export) if path is not None]
        if len(set(paths)) < len(paths):
            raise InputError("--out, --markdown and --export must be different files")
        for path, beginning in ((out_, PAGE), (markdown, TABLES), (export, RECORDS)):
            _check_replaceable(path, beginning)
            if path is not None:
                check_writable(path)
        sweep = _sweep(tuple(names) if names else NAMES, scale, store, seeds, None, settings)
        if records is None and not store.is_dir():
            raise InputError(f"no such store: {store}; fill it with `scratchticket run`")
        loaded = None if records is None else Records.load(records)
        stored_seeds = seeds_of_store(store) if loaded is None else loaded.seeds()
        opened = sweep.open()
        all_seeds = replace(sweep, seeds=stored_seeds) if stored_seeds else sweep
        wanted = all_seeds if seeds is None else sweep
        known = Records.of(opened, wanted.jobs()) if loaded is None else loaded
        if seeds is None and (done := _seeds_with_records(all_seeds, known)):
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
        if left := [str(seed) for seed in stored_seeds if seeds and seed not in sized.seeds]:
            say(f"note: --seeds leaves out the runs with seed {', '.join(left)}", err)
        if unused := len(known.by_id.keys() - {job.id for job in jobs}):
            say(f"note: {unused} of {len(known.by_id)} records are of other recipes or seeds", err)
        for job in jobs if loaded is None else []:
            if (why := opened.failure(job)) is not None:
                say(f"note: {job.id[:16]} {job.label} failed: {why}", err)
        if not filled:
            options = f"--scale {scale} and with these --seeds and --set"
            say(f"note: there is no record of these recipes at {options}", err)


def _seeds_with_records(sweep: Sweep, known: Records) -> tuple[int, ...]:
    """Return the seeds of a sweep that have a record."""
    return tuple(
        seed
        for seed in sweep.sized().seeds
        if any(job.id in known.by_id for job in replace(sweep, seeds=(seed,)).jobs())
    )


def _check_replaceable(path: Path | None, beginning: re.Pattern[bytes]) -> None:
    """Raise an error if a file exists whose beginning is not that of an earlier report."""
    from scratchticket.base.errors import InputError

    if path is None or not path.exists():
        return
    content = path.read_bytes()[:1000] if path.is_file() else b""
    if content and not beginning.match(content):
        raise InputError(f"{path} exists and is not a report of this kind; choose another file")
    if not path.is_file():
        raise InputError(f"{path} is not a file; choose another")
