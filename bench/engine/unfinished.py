"""What cells left that were ended while they predicted: which file a process goes on with, and when it goes.

Each process of a cell writes a file of its own, whose name begins with the lease of the run that started it.
So two runs that carry out the same cell at once do not disturb each other. Where a process predicts a part of
the cell, the name says which one: only a process of the same part goes on with it. The name ends with a mark
of the plan: a plan that begins anew goes on with what its own processes left.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from readbench.results.leases import lease_is_alive
from readbench.results.store import Store

FILES, MODELS = "*.jsonl", "*.model"


@dataclass(frozen=True)
class Unfinished:
    """The cells of one results folder. ``plan``: a mark of the plan that they belong to, letters and
    digits. All methods raise OSError where the folder cannot be written."""

    store: Store
    plan: str

    def file(self, key: str, part: int = 0, parts: int = 1) -> Path:
        """Where the next process of a cell, or of a part of it, keeps what it predicts."""
        which = f".{part + 1}-of-{parts}" if parts > 1 else ""
        name = f"{self.store.lease.id}-{secrets.token_hex(6)}{which}-{self.plan}.jsonl"
        return self.store.unfinished(key).resolve() / name

    def take_over(self, file: Path, *, fresh: bool) -> None:
        """Makes the file of a process, and puts into it what earlier processes of the cell left: the longest
        of their files. With ``fresh`` only those of this plan count, and what others left is removed."""
        if self._make(file):
            return
        found = [one for one in self._by_size(file.parent) if one != file and _part(one) == _part(file)]
        if longest := next((one for one in found if not fresh or self._is_of_plan(one)), None):
            with contextlib.suppress(FileNotFoundError):  # its cell has just ended
                if self._is_anothers(longest):
                    shutil.copyfile(longest, file)
                else:
                    longest.replace(file)
        for one in found:
            if not self._is_anothers(one):
                one.unlink(missing_ok=True)
        if fresh:
            _remove_models(one for one in file.parent.glob(MODELS) if not self._is_of_plan(one))

    def _make(self, file: Path) -> bool:
        """Makes an empty file in the folder of its cell, and says whether it is the first. As long as it is
        there, nobody else removes the folder."""
        while True:
            first = True
            try:
                file.parent.mkdir(mode=0o700, parents=True)
            except FileExistsError:
                first = False
            # Another run may have removed the folder in between.
            with contextlib.suppress(FileNotFoundError):
                file.touch(mode=0o600)
                return first

    def _by_size(self, folder: Path) -> list[Path]:
        """The files of a cell, the longest first."""
        sizes: dict[Path, int] = {}
        for one in folder.glob(FILES):
            with contextlib.suppress(FileNotFoundError):
                sizes[one] = one.stat().st_size
        return sorted(sizes, key=lambda one: -sizes[one])

    def remove(self, file: Path) -> None:
        """Nothing goes on from there any more."""
        file.unlink(missing_ok=True)
        self._tidy(file.parent)

    def finish(self, files: Sequence[Path]) -> None:
        """The cell of these files has ended for good: what earlier runs left of it, in whatever parts, goes
        as well."""
        for file in files:
            file.unlink(missing_ok=True)
        folder = files[0].parent
        for one in folder.glob(FILES):
            if not lease_is_alive(self.store.root, one.name.partition("-")[0]):
                one.unlink(missing_ok=True)
        self._tidy(folder)

    def leave(self, file: Path) -> None:
        """Keeps a file that holds something."""
        if not file.exists() or file.stat().st_size == 0:
            self.remove(file)

    def _tidy(self, folder: Path) -> None:
        """Removes the folder of a cell that nobody writes into, with the models in it."""
        with contextlib.suppress(OSError):
            if not any(folder.glob(FILES)):
                _remove_models(folder.glob(MODELS))
            folder.rmdir()

    def _is_of_plan(self, path: Path) -> bool:
        return path.stem.rpartition("-")[2] == self.plan

    def _is_anothers(self, file: Path) -> bool:
        """Whether another run writes into it just now."""
        lease = file.name.partition("-")[0]
        return lease != self.store.lease.id and lease_is_alive(self.store.root, lease)


def _part(file: Path) -> str:
    """Which part of its cell a file belongs to; of a whole cell nothing."""
    return file.stem.partition(".")[2].rpartition("-")[0]


def _remove_models(models: Iterable[Path]) -> None:
    for model in models:
        shutil.rmtree(model, ignore_errors=True)
