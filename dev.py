"""Set up scratchticket and do the two things one does with it.

    python3 dev.py demo     make the environment, then draw a ticket and judge it (a few minutes)
    python3 dev.py test     make the environment, then run every check and test
    python3 dev.py test --lowest    the tests alone, with the lowest versions allowed

Standard library only. The environment goes to .venv, pinned by constraints/pinned.txt, and is made
again only when its inputs change; that of the lowest versions goes to .venv-lowest, pinned by
constraints/lowest.txt. Further words of test go to pytest. The demo's output goes to runs/demo.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent
COMPLETE = "scratchticket.made"
PARTS = "dev crosscheck docs data autoattack benchmark slurm ray track export sklearn hub app"


class Environment(NamedTuple):
    """Where packages are installed, and in which versions."""

    folder: Path
    pins: Path

    @property
    def bin(self) -> Path:
        """Where its programs are."""
        return self.folder / ("Scripts" if os.name == "nt" else "bin")


PINNED = Environment(ROOT / ".venv", ROOT / "constraints" / "pinned.txt")
LOWEST = Environment(ROOT / ".venv-lowest", ROOT / "constraints" / "lowest.txt")
EXTRAS = {"demo": "", "test": f"[{','.join(PARTS.split())}]"}


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def call(*command: str | Path, quiet: bool = False) -> None:
    """Run a command in the project's folder; stop with its exit code if it fails."""
    words = [str(word) for word in command]
    if not quiet:
        say("$ " + " ".join(word.replace(f"{ROOT}{os.sep}", "") for word in words))
    process = subprocess.Popen(words, cwd=ROOT)
    while True:
        try:
            code = process.wait()
            break
        except KeyboardInterrupt:  # the command has got it too, and may need time to save
            continue
    if code:
        sys.exit(code)


def stamp(environment: Environment, extras: str) -> str:
    """Return a hash of everything an environment depends on."""
    inputs = [sys.version, extras, str(ROOT)]
    inputs += [(ROOT / "pyproject.toml").read_text(), environment.pins.read_text()]
    return hashlib.sha256("\0".join(inputs).encode()).hexdigest()


def set_up(environment: Environment, extras: str) -> None:
    """Make or update an environment."""
    folder, pins = environment
    mark = folder / f"scratchticket{'-dev' if extras else ''}.stamp"
    if mark.exists() and mark.read_text() == stamp(environment, extras):
        return
    begun = time.monotonic()
    if not (folder / COMPLETE).exists():  # none, or one whose making was interrupted
        say(f"Making an environment in {folder.name} (Python {sys.version.split()[0]}) ...")
        try:
            call(sys.executable, "-m", "venv", "--clear", folder, quiet=True)
        except SystemExit:
            sys.exit("cannot make an environment; on Debian: apt install python3-venv")
        (folder / COMPLETE).touch()
    say("Installing the pinned packages, PyTorch among them; about a minute ...")
    pip: list[str | Path] = [
        environment.bin / "python",
        "-m",
        "pip",
        "install",
        "-qq",
        "--no-compile",
        "--disable-pip-version-check",
    ]
    call(*pip, "--constraint", pins, "--editable", f"{ROOT}{extras}", quiet=True)
    # What pip does one file after the other. Some packages have files that are no Python 3.
    compileall = [
        str(environment.bin / "python"),
        "-m",
        "compileall",
        "-qq",
        "-j",
        "0",
        str(folder),
    ]
    subprocess.run(compileall, check=False, stdout=subprocess.DEVNULL)
    mark.write_text(stamp(environment, extras))
    say(f"Environment ready after {time.monotonic() - begun:.0f} s.")


def demo() -> None:
    """Draw a ticket, train its dense counterpart, compare them."""
    set_up(PINNED, EXTRAS["demo"])
    call(PINNED.bin / "python", ROOT / "examples" / "demo.py")


def test() -> None:
    """Run ruff, mypy and the tests; with the lowest versions the tests alone."""
    words = sys.argv[2:]
    environment, strictness = PINNED, []
    if "--lowest" in words:
        words.remove("--lowest")
        environment, strictness = LOWEST, ["-W", "default"]  # old packages warn of newer ones
    set_up(environment, EXTRAS["test"])
    if environment is PINNED:
        call(PINNED.bin / "ruff", "format", "--check", ".")
        call(PINNED.bin / "ruff", "check", ".")
        call(PINNED.bin / "mypy")
    pytest: list[str | Path] = [environment.bin / "python", "-m", "pytest", "--quiet", *strictness]
    call(*pytest, "--numprocesses", "auto", "--dist", "loadgroup", *words)


def main() -> None:
    """Choose the command."""
    commands = {"demo": demo, "test": test}
    if sys.version_info < (3, 11):
        sys.exit(f"scratchticket needs Python 3.11 or newer, this is {sys.version.split()[0]}")
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        say((__doc__ or "").strip())
        sys.exit(0 if sys.argv[1:] in ([], ["-h"], ["--help"]) else 2)
    commands[sys.argv[1]]()


if __name__ == "__main__":
    main()
