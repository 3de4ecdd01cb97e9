"""Run docs/notebook.ipynb from top to bottom and save it with its output.

python tools/run_notebook.py [--out FILE]
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

NOTEBOOK = Path(__file__).parents[1] / "docs" / "notebook.ipynb"
STYLE = Path(__file__).with_name("notebook.matplotlibrc")
VOLATILE = ("execution", "widgets")  # metadata that differ from run to run


def executed(path: Path, *, timeout: int = 600) -> nbformat.NotebookNode:
    """Run a notebook in a process of its own.

    Args:
        path: File of the notebook.
        timeout: Seconds that a cell may take.

    Returns:
        The notebook with its output, without execution times.

    Raises:
        CellExecutionError: If a cell raises.
    """
    notebook: nbformat.NotebookNode = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=timeout, kernel_name="python3")
    client.execute(env=os.environ | {"MATPLOTLIBRC": str(STYLE)})
    for cell in notebook.cells:
        for name in VOLATILE:
            cell.metadata.pop(name, None)
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}  # of any version
    return notebook


def main() -> None:
    """Run the notebook and write it, in place or to ``--out``."""
    parser = argparse.ArgumentParser(description="Run docs/notebook.ipynb.")
    parser.add_argument("--out", type=Path, default=NOTEBOOK, help="file to write")
    out = parser.parse_args().out
    try:
        notebook = executed(NOTEBOOK)
    except CellExecutionError as error:
        sys.exit(str(error))
    nbformat.write(notebook, out)


if __name__ == "__main__":
    main()
