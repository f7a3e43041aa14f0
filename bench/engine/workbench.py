"""A method at work in this process, outside of a suite: its preparations are built where they are needed.

For conformance tests, for training a model to keep, and for predicting with one. Nothing is limited or
measured here; what a board shows comes from cells in processes of their own.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from readbench.adapter import Adapter, Context, PreparationNeed
from readbench.core.types import Document, Part, digest_of_documents
from readbench.engine.desk import seed_everything
from readbench.methods.registry import Method
from readbench.tasks.spec import TaskSpec


class Build(NamedTuple):
    """A preparation that was built: of how many documents, and the digest of what it is and of which ones."""

    documents: int
    digest: str


class Current:
    """Stands for what a preparation opened last: an adapter keeps it from ``load`` on, and the documents
    behind it change from block to block."""

    def __init__(self, opened: Any) -> None:
        self.opened = opened

    def __getattr__(self, name: str) -> Any:
        return getattr(self.opened, name)

    def __getitem__(self, key: Any) -> Any:
        return self.opened[key]


@dataclass
class Workbench:
    """Loads one method and gives it its preparations. ``folder`` keeps their files while this lives;
    ``given`` are files of preparations that were made before, by the name under which the method asks;
    ``built`` are those made here, which several may share."""

    method: Method
    spec: TaskSpec
    folder: Path
    seed: int = 0
    threads: int = 1
    device: str = "cpu"
    progress: Callable[[int, int], None] = lambda done, total: None  # noqa: ARG005
    note: Callable[[str, Any], None] = lambda name, value: None  # noqa: ARG005
    given: Mapping[str, Path] = field(default_factory=dict)
    built: dict[Build, Path] = field(default_factory=dict)
    _made: int = 0
    _of_test: set[Build] = field(default_factory=set)

    def needs(self) -> Mapping[str, PreparationNeed]:
        return self.method.create(self.context({})).needs().preparations

    def loaded(self, parts: Mapping[Part, Sequence[Document]], *, current: bool = False) -> Adapter:
        """The method with its libraries and weights loaded, its preparations made of ``parts``. With
        ``current`` these can be replaced later by ``renew``."""
        seed_everything(self.seed)
        self._current = {
            name: Current(
                need.preparation.open(self.given[name]) if name in self.given else self.prepared(need, parts)
            )
            for name, need in self.needs().items()
        }
        opened = self._current if current else {name: one.opened for name, one in self._current.items()}
        adapter = self.method.create(self.context(opened))
        adapter.load()
        # Libraries that load() brought in have generators of their own.
        seed_everything(self.seed)
        return adapter

    def renew(self, parts: Mapping[Part, Sequence[Document]]) -> None:
        """Makes the preparations of test documents anew, for those that the method predicts next. Those of
        the documents before them are removed: a file of any size takes the disk space of one block."""
        for build in self._of_test & self.built.keys():
            shutil.rmtree(self.built.pop(build), ignore_errors=True)
        self._of_test.clear()
        made = self._made
        for name, need in self.needs().items():
            if "test" in need.parts:
                self._current[name].opened = self.prepared(need, parts)
        for number in range(made + 1, self._made + 1):
            shutil.rmtree(self._scratch(number), ignore_errors=True)

    def context(self, preparations: Mapping[str, Any]) -> Context:
        self._made += 1
        scratch = self._scratch(self._made)
        scratch.mkdir(parents=True)
        return Context(
            task=self.spec,
            seed=self.seed,
            device=self.device,
            threads=self.threads,
            preparations=preparations,
            scratch=scratch,
            progress=self.progress,
            note=self.note,
        )

    def _scratch(self, number: int) -> Path:
        return self.folder / f"scratch-{number}"

    def prepared(self, need: PreparationNeed, parts: Mapping[Part, Sequence[Document]]) -> Any:
        """The opened preparation over the documents of its parts; built once for the same documents."""
        return need.preparation.open(self.files(need, parts))

    def files(self, need: PreparationNeed, parts: Mapping[Part, Sequence[Document]]) -> Path:
        chosen = list({d.id: d for part in need.parts for d in parts.get(part, ())}.values())
        preparation = need.preparation
        # The texts, too: another block, or another suite, may have other documents under the same ids.
        asked = [preparation.name, preparation.params.model_dump_json(), digest_of_documents(chosen)]
        asked += [document.id for document in chosen]
        digest = hashlib.sha256("\n".join(asked).encode("utf-8", "surrogatepass")).hexdigest()
        key = Build(len(chosen), digest)
        if key not in self.built:
            inputs = {name: self.prepared(upstream, parts) for name, upstream in preparation.needs().items()}
            folder = self.folder / f"preparation-{digest[:16]}"
            folder.mkdir(parents=True)
            preparation.build(chosen, folder, self.context(inputs))
            self.built[key] = folder
            if "test" in need.parts and chosen:
                self._of_test.add(key)
        return self.built[key]
