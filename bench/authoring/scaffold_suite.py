"""Writes a commented suite for a dataset that runs as it is (`bench init`)."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from readbench.authoring.filling import toml_lines, toml_list, toml_piece, toml_string
from readbench.authoring.scaffold_facts import facts_suite_text
from readbench.core.errors import BenchError
from readbench.core.files import write_new
from readbench.core.types import Dataset, Task
from readbench.datasets import ReadOptions, open_dataset
from readbench.datasets.columns import listed, resolve
from readbench.datasets.csv_reader import CsvReader
from readbench.datasets.jsonl_reader import json_objects
from readbench.datasets.lines import stem
from readbench.datasets.options import Role
from readbench.datasets.row_kinds import ROW_READERS
from readbench.datasets.splits import SplitSpec
from readbench.datasets.table import open_table
from readbench.planning.infer import infer_suite
from readbench.planning.suite import Suite, list_suites, load_suite
from readbench.planning.suite_language import own_language
from readbench.tasks import get_task
from readbench.text.languages import language_code

LINES_LOOKED_AT = 100
"""Rows of a file that are read to find its keys."""

SOUNDS: dict[Role, set[str]] = {
    "title": {"title"},
    "abstract": {"abstract", "summary"},
    "keyphrases": {"keyword", "keywords", "keyphrase", "keyphrases", "tags"},
}


def write_suite(dataset: Path, output: Path | None = None) -> Path:
    """Writes a commented suite for a file of papers (or an embedded corpus) and returns where:
    ``suites/STEM.toml`` (``my-STEM`` where a shipped suite has the name) unless ``output`` says otherwise.

    Raises BenchError where the file cannot be read, holds no task that a method here does, or where
    something stands in the suite's place already.
    """
    names = _column_names(dataset)
    guessed = _guessed(names, str(dataset))
    data = open_dataset(str(dataset), ReadOptions(columns=guessed))
    suite = _inferred(data, dataset)
    place = output or Path("suites") / f"{_free_name(stem(dataset))}.toml"
    reference = _reference(dataset, data)
    if "extraction" in suite.tasks:
        text = facts_suite_text(reference, place, data, suite)
    else:
        text = _suite_text(reference, place, data, suite, names, guessed)
    write_new(place, text)
    load_suite(place)
    return place


def _free_name(name: str) -> str:
    """``my-NAME`` where a suite that came with the installation has the name: two suites of one name in two
    places would be told apart by where one stands."""
    known = list_suites()
    return f"my-{name}" if name in known and known[name].parent != Path("suites") else name


def _column_names(dataset: Path) -> tuple[str, ...]:
    """Columns of a table, or keys of the first objects of JSON Lines, as the file spells them."""
    if not dataset.is_file():
        return ()  # an embedded corpus
    encoding = ReadOptions().encoding
    if CsvReader().matches(dataset):
        return open_table(dataset, encoding).header
    names: dict[str, None] = {}
    reader = next((reader for reader in ROW_READERS if reader.matches(dataset)), None)
    if reader is not None:
        for _, row in islice(reader.open(dataset, ReadOptions()).rows, LINES_LOOKED_AT):
            names |= dict.fromkeys(row)
        return tuple(names)
    for _, row in islice(json_objects(dataset, encoding), LINES_LOOKED_AT):
        names |= dict.fromkeys(row)
    return tuple(names)


def _guessed(names: Sequence[str], where: str) -> dict[Role, str]:
    """Columns for roles that none of the usual names plays, where just one column sounds like it:
    "Author Keywords" for the keyphrases."""
    known = resolve(names, {}, where).roles
    found: dict[Role, str] = {}
    for role, sounds in SOUNDS.items():
        alike = [name for name in names if sounds & set(re.findall("[a-z]+", name.lower()))]
        if role not in known and len(alike) == 1 and alike[0] not in {*known.values(), *found.values()}:
            found[role] = alike[0]
    return found


def _inferred(data: Dataset, dataset: Path) -> Suite:
    try:
        return infer_suite(data)[0]
    except BenchError as error:
        if "label" in error.what and "nothing to tell apart" in error.what:
            raise
        raise BenchError(
            error.what,
            where=str(dataset),
            todo="rename the column with the gold phrases to Keywords (phrases separated by ';') or the one "
            "with the labels to label, then try again",
        ) from error


def _reference(dataset: Path, data: Dataset) -> str:
    """How the suite names the dataset: relative to where bench is run, where that is possible."""
    if not dataset.is_file():
        return data.source or data.name
    absolute, here = dataset.resolve(), Path.cwd().resolve()
    if dataset.is_absolute() and absolute.is_relative_to(here):
        return os.path.relpath(absolute, here)
    return str(dataset)


def _suite_text(
    reference: str, place: Path, data: Dataset, suite: Suite, names: Sequence[str], guessed: dict[Role, str]
) -> str:
    shown = [
        f"{role} = {toml_string(name)}" + (" # guessed from its name" if role in guessed else "")
        for role, name in resolve(names, guessed, reference).roles.items()
    ]
    also = ", ".join(known for known in data.targets if known not in suite.tasks)
    counts = [
        f"{sum(bool(t) for t in data.targets[task].values())} of them with {GOLD[task]}"
        for task in suite.tasks
    ]
    head = toml_piece(
        "papers",
        PLACE=shlex.quote(str(place)),
        NAME=toml_string(place.stem),
        DESCRIPTION=toml_string(" ".join(DESCRIPTIONS[task] for task in suite.tasks)),
        DATASET=toml_string(reference),
        DOCUMENTS=f"{len(data.documents)} documents, {', '.join(counts)}",
        LEFT_OUT="".join(f"\n# {count} {what}." for what, count in data.counts.items() if count),
        FOUND=f"Found in this file: {listed(names)}." if names else "An embedded corpus knows its own.",
        ALSO=f"\n# Its {also} targets are not asked for here; no method ever sees them." if also else "",
        LANGUAGE=toml_string(language_code(own_language(data))),
    )
    columns = "\n".join(shown if names else []) or '# title = "Title"'
    split = _split_text(suite.split_of(next(iter(suite.tasks))))
    blocks = [
        f"{head}\n{columns}",
        f"{toml_piece('papers_split')}\n{split}",
        *(_task_text(task, data, suite) for task in suite.tasks),
        toml_piece("papers_limits"),
    ]
    return "\n\n".join(blocks) + "\n"


GOLD: dict[Task, str] = {"keyphrases": "gold phrases", "classification": "a label"}
DESCRIPTIONS: dict[Task, str] = {
    "keyphrases": "Keyphrases of my papers: which method, at which cost?",
    "classification": "Labels of my papers: which classifier, at which cost?",
}


def _task_text(task: Task, data: Dataset, suite: Suite) -> str:
    section = suite.tasks[task]
    fields = {name for document in data.documents for name in document.fields}
    chosen = [name for name in section.fields if name in fields]
    if "text" in fields and not {"abstract", "text"} & set(chosen):
        chosen.append("text")
    others = sorted(fields - set(chosen))
    values = {
        "OTHERS": f"This dataset also has: {', '.join(others)}." if others else "This dataset has no others.",
        "FIELDS": toml_list(chosen),
        "PRIMARY": toml_string(section.primary or get_task(task).primary),
        "BOARD": toml_list(section.board),
        "METHODS": toml_lines(section.methods),
    }
    if task == "classification":
        labels = sorted({str(label) for label in data.targets[task].values() if label})
        values |= {"LABELS": toml_list(labels), "POSITIVE": toml_string(labels[-1])}
    text = toml_piece(task, **values)
    if section.split is not None and section.split != suite.split:
        text += f"\n\n[tasks.{task}.split] # in place of [split]\n{_split_text(section.split)}"
    return text


def _split_text(split: SplitSpec) -> str:
    values = {"TEST": split.test, "VALIDATION": split.validation or 0.1}
    if split.kind == "holdout":
        return toml_piece("split_holdout", **values)
    return toml_piece("split_other", KIND=toml_string(split.kind), **values)
