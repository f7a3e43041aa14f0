"""What cells left that were ended while they predicted: which file a process goes on with, and when it goes.

Each process of a cell writes a file of its own, whose name begins with the lease of the run that started it.
So two runs that carry out the same cell at once do not disturb each other.
"""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from readbench.results.leases import lease_is_alive
from readbench.results.store import Store

FILES = "*.jsonl"


@dataclass(frozen=True)
class Unfinished:
    """The cells of one results folder. All methods raise OSError where it cannot be written."""

    store: Store

    def file(self, key: str) -> Path:
        """Where the next process of a cell keeps what it predicts."""
        return self.store.unfinished(key).resolve() / f"{self.store.lease.id}-{secrets.token_hex(6)}.jsonl"

    def take_over(self, file: Path, *, fresh: bool) -> None:
        """Makes the folder of a file, with what earlier processes of the cell left: the longest of their
        files under this name. With ``fresh`` what they left is removed."""
        try:
            file.parent.mkdir(mode=0o700, parents=True)
            return
        except FileExistsError:
            pass
        found = sorted(file.parent.glob(FILES), key=lambda one: one.stat().st_size, reverse=True)
        if found and not fresh:
            if self._is_anothers(found[0]):
                shutil.copyfile(found[0], file)
            else:
                found[0].rename(file)
        for one in found:
            if one.exists() and not self._is_anothers(one):
                one.unlink()
        if fresh:
            self._tidy(file.parent)
            file.parent.mkdir(mode=0o700, exist_ok=True)

    def remove(self, file: Path) -> None:
        """Nothing goes on from there any more."""
        file.unlink(missing_ok=True)
        self._tidy(file.parent)

    def leave(self, file: Path) -> None:
        """Keeps a file that holds something."""
        if not file.exists() or file.stat().st_size == 0:
            self.remove(file)

    def _tidy(self, folder: Path) -> None:
        """Removes the folder of a cell that nobody writes into, with the models in it."""
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if not any(folder.glob(FILES)):
                shutil.rmtree(folder, ignore_errors=True)

    def _is_anothers(self, file: Path) -> bool:
        """Whether another run writes into it just now."""
        lease = file.name.partition("-")[0]
        return lease != self.store.lease.id and lease_is_alive(self.store.root, lease)
