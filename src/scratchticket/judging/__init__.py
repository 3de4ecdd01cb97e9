"""Evaluations as resumable tasks, from a plan to a record."""
