"""Evaluations as resumable tasks, from plan to record."""
