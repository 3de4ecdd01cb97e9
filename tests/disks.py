"""A small disk of a test's own, which can be full or read-only even for root."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Disk:
    """A file system in memory.

    Attributes:
        path: Where it is mounted.
    """

    path: Path

    @staticmethod
    def mount(*words: str) -> bool:
        """Call mount; return whether it could."""
        return subprocess.run(["mount", *words], capture_output=True, check=False).returncode == 0

    def resize(self, size: str) -> None:
        """Make it larger or smaller."""
        assert self.mount("-o", f"remount,size={size}", str(self.path))

    def read_only(self) -> None:
        """Let nothing be written any more."""
        assert self.mount("-o", "remount,ro", str(self.path))

    def fill(self, free: int = 0) -> None:
        """Fill it, but for so many bytes."""
        filler = self.path / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                file.truncate(max(0, file.tell() - free))

    def free(self) -> None:
        """Undo :meth:`fill`."""
        (self.path / "filler").unlink()
