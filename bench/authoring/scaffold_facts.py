"""The commented suite that `bench init` writes for a dataset of the instruction format."""

from __future__ import annotations

import shlex
from pathlib import Path

from readbench.authoring.filling import toml_lines, toml_list, toml_piece, toml_string
from readbench.core.types import Dataset
from readbench.planning.suite import Suite


def facts_suite_text(reference: str, place: Path, data: Dataset, suite: Suite) -> str:
    """TOML of a suite that asks for facts and labels; ``suite`` is what was inferred from ``data``."""
    section = suite.tasks["extraction"]
    fields = {name for document in data.documents for name in document.fields}
    counts = {name: len(ids) for name, ids in data.slices.items()}
    head = toml_piece(
        "facts",
        PLACE=shlex.quote(str(place)),
        NAME=toml_string(place.stem),
        DATASET=toml_string(reference),
        LANGUAGE=toml_string(section.language or suite.dataset.language),
        FACTS=counts.get("facts", 0),
        LABELS=counts.get("labels", 0),
        SKIPPED="".join(f"\n# {count} {what}." for what, count in data.counts.items()),
    )
    split = toml_piece("facts_split_given" if suite.split.kind == "given" else "facts_split_holdout")
    task = toml_piece(
        "extraction",
        FIELDS=toml_list([name for name in section.fields if name in fields]),
        PRIMARY=toml_string(section.primary or "score"),
        BOARD=toml_list(section.board),
        METHODS=toml_lines(section.methods),
    )
    return "\n\n".join([f"{head}\n{split}", task, toml_piece("facts_limits")]) + "\n"
