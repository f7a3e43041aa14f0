"""The fields that a suite lets its methods read: each must be there, and none may be the gold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter
from typing import Final

from readbench.core.errors import BenchError
from readbench.core.names import suggestion
from readbench.core.types import Dataset, Task
from readbench.datasets.options import ReadOptions
from readbench.tasks.spec import TaskSpec

LABELS: Final = "labels"
"""What a prompt may name besides the fields: the closed set of labels."""

GOLD_NAMES: Mapping[Task, frozenset[str]] = {
    "keyphrases": frozenset(
        {
            *("keyword", "keywords", "keyphrase", "keyphrases", "key words", "key phrases"),
            *("author keyword", "author keywords", "author s keywords", "authors keywords"),
            *("index keywords", "indexed keywords", "indexing terms", "keywords plus", "subject terms"),
            *("descriptors", "controlled", "uncontrolled", "mesh", "mesh terms", "mesh headings"),
            *("tags", "manual tags", "automatic tags", "kw", "de", "id", "ot", "mh"),
            *("extractive keyphrases", "abstractive keyphrases", "doc bio tags", "prmu"),
        }
    ),
    "classification": frozenset({"label", "labels"}),
    "extraction": frozenset({"target", "output"}),
}
"""Under which names exports and public datasets keep gold: lower case, one blank between words."""


def check_fields(
    spec: TaskSpec, dataset: Dataset, options: ReadOptions, where: str, *, written: bool = True
) -> None:
    """``written``: whether the suite names the fields; the usual ones need not all be there.

    Raises BenchError for a field that no document has, for one that is named twice and for one that holds
    the gold of the task.
    """
    where = f"{where}, fields"
    known = {name for document in dataset.documents for name in document.fields}
    roles = {role: name.lower() for role, name in options.columns.items()}
    mapped = {roles.get("keyphrases"), roles.get("label")}
    for name in spec.fields:
        if spec.fields.count(name) > 1:
            raise BenchError(f"{name!r} is named twice", where=where)
        plain = " ".join(re.findall(r"\w+", name.lower().replace("_", " ")))
        if plain in GOLD_NAMES[spec.task] or name.lower() in mapped:
            raise BenchError(f"{name!r} is gold, which no method may read", where=where, todo="leave it out")
        if name.lower() in dataset.hidden and name not in known:
            why = dataset.hidden[name.lower()]
            raise BenchError(f"{name!r} is gold: {why}", where=where, todo="leave it out")
    absent = [name for name in spec.fields if name not in known]
    if absent and (written or len(absent) == len(spec.fields)):
        raise BenchError(
            f"no document of {dataset.name} has the field {absent[0]!r}",
            where=where,
            todo=suggestion(absent[0], sorted(known)),
        )


def check_prompt(spec: TaskSpec, where: str) -> None:
    """Raises BenchError for a field of the prompt that no method is shown, and for braces that do not
    match."""
    where = f"{where}, prompt"
    allowed = (*spec.fields, LABELS)
    try:
        names = [name for _, name, _, _ in Formatter().parse(spec.prompt) if name is not None]
    except ValueError as error:
        raise BenchError(f"{error}", where=where, todo="write {{ for a brace") from None
    for name in names:
        if name not in allowed:
            raise BenchError(f"there is no field {{{name}}}", where=where, todo=suggestion(name, allowed))
