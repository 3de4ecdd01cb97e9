"""Figures, pictures of masks, and the common parts of single-file HTML pages."""
