"""Foundations of all other folders: errors, quantities, random numbers, files, processes."""
