"""A package that is not there is told from one that is there and fails to import."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scratchticket.attacks import autoattack
from scratchticket.base.errors import InputError, extra_missing
from scratchticket.executors import slurm
from scratchticket.judging import formats
from scratchticket.networks import import_factory
from scratchticket.page.blocks import import_gradio
from scratchticket.runs import tracking
from scratchticket.tickets import hub

BROKEN = {
    "raise OSError('libbroken.so: cannot open')": "OSError: libbroken.so: cannot open",
    "raise AttributeError('numpy has no such thing')": "AttributeError: numpy has no such thing",
    "from os import nothing_of_the_kind": "ImportError: cannot import name 'nothing_of_the_kind'",
}
USERS: dict[str, tuple[str, Callable[[], object]]] = {
    "gradio": ("app", import_gradio),
    "pyautoattack": ("autoattack", autoattack.library),
    "huggingface_hub": ("hub", hub.hub_library),
    "tensorboard": ("track", tracking.check_tensorboard),
    "submitit": ("slurm", lambda: slurm._executor(Path(), {})),
}


@pytest.fixture
def replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Put code in the place of an installed package."""

    def replace(name: str, code: str) -> None:
        for loaded in list(sys.modules):
            if loaded.partition(".")[0] == name or loaded.startswith("torch.utils.tensorboard"):
                monkeypatch.delitem(sys.modules, loaded)
        (tmp_path / f"{name}.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path)

    return replace


@pytest.mark.parametrize("package", USERS)
@pytest.mark.parametrize("code", BROKEN)
def test_a_package_that_fails_to_import_is_not_called_missing(
    package: str, code: str, replaced: Callable[[str, str], None]
) -> None:
    extra, use = USERS[package]
    replaced(package, code)

    with pytest.raises(InputError) as error:
        use()
    assert f"scratchticket[{extra}]" in str(error.value)
    assert "fails to import" in str(error.value)
    assert BROKEN[code] in str(error.value)


def test_one_that_is_not_there_is_to_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    error = ModuleNotFoundError("no such module", name="a_package_that_is_not_there.part")
    assert str(extra_missing("this", error, "app")) == (
        "this needs the package a_package_that_is_not_there.part: pip install 'scratchticket[app]'"
    )
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # as if it were not installed
    with pytest.raises(InputError, match=r"needs the package pyarrow: pip install .*\[data\]"):
        formats.arrow()


def test_timm_that_is_broken_says_why(replaced: Callable[[str, str], None]) -> None:
    replaced("timm", "raise RuntimeError('operator nms does not exist')")

    with pytest.raises(InputError, match="cannot be imported here .operator nms does not exist"):
        import_factory("timm:vit_tiny_patch16_224")
