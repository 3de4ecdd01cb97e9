"""The verb ``runs``: list, show and remove jobs in the store of a sweep."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from scratchticket.cli import options as o
from scratchticket.cli.terminal import err, job_table, out, print_json, say, user_errors

app = typer.Typer(help="List, show and remove jobs in the store of a sweep.", no_args_is_help=True)
STORE = Path("runs/paper")
StorePath = Annotated[
    Path, Option("--store", help="Folder of jobs, shared by all recipes and scales.")
]


@app.command()
def status(store: StorePath = STORE, json_output: o.Json = False) -> None:
    """List the jobs of a store and their states."""
    with user_errors():
        paths = _folders(store)
        if json_output:
            states = ((path.name, _state(path), _label(path)) for path in paths)
            print_json([dict(zip(("id", "state", "label"), each, strict=True)) for each in states])
            return
        out.print(job_table((path.name, _state(path), _label(path)) for path in paths))


@app.command()
def show(
    job: Annotated[
        str, Argument(help="Name of a job, or its first characters.", show_default=False)
    ],
    store: StorePath = STORE,
    json_output: Annotated[
        bool, Option("--json", help="Print JSON, which is the default here.")
    ] = False,
) -> None:
    """Print a job and its record, or the reason why it failed, as JSON."""
    with user_errors():
        from scratchticket.base.errors import InputError
        from scratchticket.runs.folder import json_file

        found = [path for path in _folders(store) if path.name.startswith(job)]
        if len(found) != 1:
            many = f"{len(found)} job names begin" if found else "no job name begins"
            raise InputError(f"{many} with {job!r} in {store}")
        facts: dict[str, Any] = {"job": _description(found[0]), "state": _state(found[0])}
        for part in ("record", "failure"):
            if (path := found[0] / f"{part}.json").exists():
                try:
                    facts[part] = json_file(path)
                except InputError as error:
                    facts[part] = str(error)
        print_json(facts)


@app.command()
def clean(store: StorePath = STORE, json_output: o.Json = False) -> None:
    """Remove the folders of jobs that are neither finished nor running."""
    with user_errors():
        from scratchticket.sweeps import Store

        _folders(store)
        if json_output:
            removed = Store(store).clean(lambda line: say(line, err))
            print_json({"removed": [str(path) for path in removed]})
            return
        for path in Store(store).clean(say):
            say(f"removed {path}")


def _folders(store: Path) -> list[Path]:
    """Return the folders of a store's jobs; raise an error if there is no such store."""
    from scratchticket.base.errors import InputError
    from scratchticket.sweeps.store import job_folders

    if not store.is_dir():
        raise InputError(f"no such store: {store}")
    return job_folders(store)


def _description(folder: Path) -> dict[str, Any]:
    from scratchticket.runs.folder import json_file

    return {"label": ""} | json_file(folder / "job.json")


def _label(folder: Path) -> str:
    """Return the label of a job, or an error message if its folder is damaged."""
    from scratchticket.base.errors import InputError

    try:
        return str(_description(folder)["label"])
    except InputError as error:
        return str(error).replace(f"{folder}{os.sep}", "")
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _state(folder: Path) -> str:
    """Return the state of a job, from its folder."""
    from scratchticket.base.errors import InputError
    from scratchticket.runs import lease
    from scratchticket.sweeps.store import record_in

    try:
        if record_in(folder) is not None:
            return "finished"
    except (InputError, OSError):  # the record cannot be used
        return "failed"
    if lease.held(folder):
        return "running"
    return "failed" if (folder / "failure.json").exists() else "begun"
