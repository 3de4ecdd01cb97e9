"""Figures, pictures of masks, and the frame of single-file pages."""
