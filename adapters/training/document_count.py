"""Counts the documents to which something happened, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field

REMEMBERED = 100_000
"""Documents. No run reads more of them twice; their ids take about ten megabytes."""
EXAMPLES = 5


@dataclass
class DocumentCount:
    """A document that is read twice counts once, as long as no more than ``REMEMBERED`` were counted; beyond
    these every reading counts. The first few examples are kept."""

    documents: int = 0
    examples: list[str] = field(default_factory=list)
    _known: set[str] = field(default_factory=set, repr=False)

    def add(self, id_: str, example: str | None = None) -> None:
        if id_ in self._known:
            return
        if len(self._known) < REMEMBERED:
            self._known.add(id_)
        self.documents += 1
        if example is not None and len(self.examples) < EXAMPLES:
            self.examples.append(example)
