"""Common parts of single-file HTML pages: head, and embedded pictures."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from importlib.resources import files
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image


def head(title: str, allowed: str, *, style: str = "") -> str:
    """Return the head of a page that loads nothing from elsewhere.

    Args:
        title: Plain text.
        allowed: Further directives of the content security policy.
        style: Further CSS rules.
    """
    common = files("scratchticket.pictures").joinpath("page.css").read_text()
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; {allowed}">
<title>{escape(title)}</title>
<style>
{common}{style}</style>
</head>
"""


def png_url(pixels: npt.NDArray[np.uint8]) -> str:
    """Return a picture as a data URL.

    Args:
        pixels: ``(height, width)`` for grey, ``(height, width, 3)`` for RGB, 4 channels for RGBA.
    """
    content = BytesIO()
    Image.fromarray(pixels).save(content, "PNG", optimize=True)
    return f"data:image/png;base64,{b64encode(content.getvalue()).decode()}"
