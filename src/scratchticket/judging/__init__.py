"""Attacks on networks as resumable tasks, from a plan to a record."""
