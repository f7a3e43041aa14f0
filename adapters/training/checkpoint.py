"""Training that goes on where it was interrupted: the state after each epoch, kept in a folder that the user
names. A training that goes on ends with the same numbers as one that is not interrupted."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from readbench.adapter import BenchError

FILE = "epoch.pt"


@dataclass(frozen=True)
class Checkpoint:
    """``identity`` is a SHA-256 of everything that training depends on: the state of a training with another
    identity is never read. Only the last epoch is kept, and nothing once training is over."""

    folder: Path
    identity: str

    @classmethod
    def of(cls, folder: Path, **ingredients: object) -> Checkpoint:
        """A checkpoint in a folder of its own below ``folder``, so that many may share that one.
        ``ingredients`` are what training depends on."""
        text = json.dumps(ingredients, sort_keys=True, default=str, ensure_ascii=False)
        identity = hashlib.sha256(text.encode()).hexdigest()
        return cls(folder.expanduser() / identity[:32], identity)

    def write(self, state: dict[str, Any]) -> None:
        """Keeps a state of tensors, numbers and texts, whole or not at all. Raises BenchError where the
        folder cannot be written."""
        import torch

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary = self.folder / f".{FILE}"
            torch.save({"identity": self.identity, **state}, temporary)
            temporary.replace(self.folder / FILE)
        except (OSError, RuntimeError) as error:  # torch.save answers a full disk with the second
            raise BenchError(
                f"the checkpoint cannot be written: {error}",
                where=str(self.folder),
                todo="give another folder as checkpoints, or none",
            ) from error

    def read(self) -> dict[str, Any] | None:
        """The state after the last epoch; None where there is none of this training. Raises BenchError for a
        file that is no checkpoint."""
        import torch

        path = self.folder / FILE
        if not path.is_file():
            return None
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # unpickling raises many kinds
            raise BenchError("is no checkpoint", where=str(path), todo="remove it") from error
        return state if state.get("identity") == self.identity else None

    def clear(self) -> None:
        """Removes what was kept."""
        (self.folder / FILE).unlink(missing_ok=True)
        (self.folder / f".{FILE}").unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()
