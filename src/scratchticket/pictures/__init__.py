"""Figures, pictures of masks, and the frame of pages that are one file."""
