"""Sphinx: ``python -m sphinx -W docs docs/_build``."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

from scratchticket import __version__

project = "scratchticket"
author = "The scratchticket authors"
copyright = "2026, the scratchticket authors"
release = __version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
add_module_names = False
maximum_signature_line_length = 88
napoleon_google_docstring = True
napoleon_numpy_docstring = False
html_theme = "furo"
html_title = f"scratchticket {release}"
html_static_path = ["static"]
html_css_files = ["pages.css"]
html_js_files = ["pages.js"]
exclude_patterns = ["_build"]
nb_execution_mode = "off"  # a notebook has its output, by tools/run_notebook.py
nb_merge_streams = True
myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]


def setup(app: Sphinx) -> None:
    """Give the captions of the navigation their level, which furo leaves out."""

    def levels(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], *_: Any) -> None:
        tree = context["furo_navigation_tree"]
        context["furo_navigation_tree"] = tree.replace(
            'role="heading"', 'role="heading" aria-level="2"'
        )

    app.connect("html-page-context", levels, priority=900)  # after furo's
