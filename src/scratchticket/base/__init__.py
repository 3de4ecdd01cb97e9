"""Foundations: errors, quantities, random numbers, files, records, processes."""
