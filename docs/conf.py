"""Sphinx: ``python -m sphinx -W docs docs/_build``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
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
html_search_scorer = str(Path(__file__).parent / "static" / "search.js")
exclude_patterns = ["_build"]
nb_execution_mode = "off"  # a notebook has its output, by tools/run_notebook.py
nb_merge_streams = True
myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]
html_math_renderer = "mathml"  # browsers draw it themselves; MathJax comes from a network


def formula(translator: Any, node: nodes.math | nodes.math_block) -> None:
    """Write a formula as MathML."""
    block = isinstance(node, nodes.math_block)
    translator.body.append(f'<{"div" if block else "span"} class="math">')
    translator.body.append(tex2mathml(node.astext(), as_block=block))
    translator.body.append(f"</{'div' if block else 'span'}>")
    raise nodes.SkipNode


def readable(*signature: Any) -> tuple[str, str] | None:
    """Write ``...`` for the defaults that a dataclass makes, with which no signature is parsed."""
    *_, arguments, returns = signature
    return arguments and (arguments.replace("<factory>", "..."), returns)


def setup(app: Sphinx) -> None:
    """Write formulas and signatures; give captions of the navigation a level, unlike furo."""
    app.connect("autodoc-process-signature", readable)
    app.add_html_math_renderer("mathml", (formula, None), (formula, None))

    def levels(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], *_: Any) -> None:
        tree = context["furo_navigation_tree"]
        context["furo_navigation_tree"] = tree.replace(
            'role="heading"', 'role="heading" aria-level="2"'
        )

    app.connect("html-page-context", levels, priority=900)  # after furo's
