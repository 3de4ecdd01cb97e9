"""Sphinx: ``python -m sphinx -W docs docs/_build``."""

from __future__ import annotations

from scratchticket import __version__

project = "scratchticket"
author = "The scratchticket authors"
copyright = "2026, the scratchticket authors"
release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
add_module_names = False
maximum_signature_line_length = 88
napoleon_google_docstring = True
napoleon_numpy_docstring = False
html_theme = "furo"
html_title = f"scratchticket {release}"
exclude_patterns = ["_build"]
myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]
