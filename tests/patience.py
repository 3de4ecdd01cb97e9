"""How long tests wait for another process, a cluster or a browser: only one that hangs is late."""

from __future__ import annotations

PATIENCE = 240.0  # seconds
