"""The public names, pinned."""

from __future__ import annotations

import subprocess
import sys

import pytest

import scratchticket as st


def test_public_names_are_these() -> None:
    assert st.__all__ == [
        "Accuracy",
        "Attack",
        "AttackRecipe",
        "Data",
        "ImageSet",
        "LearningRecipe",
        "Mask",
        "NetworkRecipe",
        "RandomSwitch",
        "Recipe",
        "RobustTicketClassifier",
        "ScratchticketError",
        "Ticket",
        "__version__",
        "draw_ticket",
        "load_data",
        "natural_accuracy",
        "networks",
        "robust_accuracy",
        "train_network",
    ]
    for name in st.__all__:
        assert getattr(st, name) is not None


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'prune'"):
        st.prune  # noqa: B018


def test_importing_the_package_and_its_command_line_does_not_import_torch() -> None:
    code = "import scratchticket.cli.app, sys; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
