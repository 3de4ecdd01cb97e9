"""What is installed is what is in the repository: code, types, data, gallery."""

from __future__ import annotations

import email
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import scratchticket

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "scratchticket"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a wheel and a source distribution, built as pip does, from a copy."""
    copy: Path = tmp_path_factory.mktemp("build") / "copy"
    copy.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    code = (
        "import sys; from setuptools import build_meta; out = sys.argv[1]; "
        "build_meta.build_sdist(out); build_meta.build_wheel(out)"
    )
    out = copy.parent / "dist"
    out.mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(out)],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return wheel, sdist


def test_the_wheel_has_all_and_only_the_package(built: tuple[Path, Path], tmp_path: Path) -> None:
    with zipfile.ZipFile(built[0]) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
        wheel.extractall(tmp_path)
        (meta,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        told = email.message_from_bytes(wheel.read(meta))
    wanted = {
        f"scratchticket/{path.relative_to(SOURCE).as_posix()}"
        for path in SOURCE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != "README.md"
    }
    assert held == wanted
    assert told["Version"] == scratchticket.__version__
    assert told["License-Expression"] == "MIT"
    code = (
        "import scratchticket as st; from scratchticket.gallery import names; "
        "assert st.__file__.startswith(%r); st.load_data('digits'); "
        "[st.Ticket.load('gallery:' + names()[-1])]"
    )
    subprocess.run(
        [sys.executable, "-c", code % str(tmp_path)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "HOME": str(tmp_path)},
        check=True,
    )


def test_the_source_distribution_builds_the_same(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[1]) as sdist:
        names = {Path(*Path(name).parts[1:]).as_posix() for name in sdist.getnames()}
    for name in ("pyproject.toml", "LICENSE", "README.md", "src/scratchticket/py.typed"):
        assert name in names
    assert "src/scratchticket/gallery/digits-seed2/ticket.safetensors" in names


def test_every_extra_is_installed_by_the_tests_and_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    sys.path.insert(0, str(ROOT))
    try:
        import dev
    finally:
        sys.path.remove(str(ROOT))
    assert set(dev.PARTS.split()) == set(project["optional-dependencies"])
    pins = (ROOT / "constraints" / "pinned.txt").read_text().lower().replace("_", "-")
    for needs in (project["dependencies"], *project["optional-dependencies"].values()):
        for need in needs:
            name = need.split(">")[0].split("[")[0].lower().replace("_", "-")
            assert f"\n{name}==" in f"\n{pins}", f"{name} is not pinned"
