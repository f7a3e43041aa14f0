"""Gold keyphrases from a second file: JSON of ``{id: [[phrase, variant, …], …]}``, the shape in which
the stemmed gold of Hulth (2003) and of other public sets is distributed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from readbench.core.errors import BenchError
from readbench.core.types import Dataset, Keyphrases, Target
from readbench.datasets.collect import NO_KEYPHRASES
from readbench.datasets.lines import check_text, shown, text_lines
from readbench.datasets.values import listed_phrases

_TODO = 'write {"ID": [["phrase"], ["another phrase"]], …}'


def with_gold(dataset: Dataset, path: Path) -> Dataset:
    """The dataset with the keyphrases of this file for the documents named in it; any other document
    keeps what it has. Of the variants of a phrase the first is taken; the others are counted.

    Raises BenchError for a file of another shape, and where it names no document of the dataset.
    """
    gold, variants = read_gold(path)
    ids = {document.id for document in dataset.documents}
    unmatched = sum(id_ not in ids for id_ in gold)
    if unmatched == len(gold):
        example = f", such as {shown(next(iter(gold)))}," if gold else ""
        raise BenchError(
            f"none of its {len(gold)} ids{example} is in {dataset.source}",
            where=str(path),
            todo="give the gold of this dataset",
        )
    known: dict[str, Target] = dict(dataset.targets.get("keyphrases", {}))
    known |= {id_: phrases for id_, phrases in gold.items() if id_ in ids}
    remarks = {what: number for what, number in dataset.remarks.items() if what != NO_KEYPHRASES}
    news = {
        NO_KEYPHRASES: sum(not known.get(id_) for id_ in ids),
        "gold without a document": unmatched,
        "keyphrase variants left out": variants,
    }
    remarks |= {what: number for what, number in news.items() if number}
    return replace(dataset, targets={**dataset.targets, "keyphrases": known}, remarks=remarks)


def read_gold(path: Path) -> tuple[Mapping[str, Keyphrases], int]:
    """Phrases by document id, and how many variants were left out. Raises BenchError."""
    text = "".join(text_lines(path, "utf-8"))
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise BenchError(
            f"broken JSON at column {error.colno}: {error.msg}",
            where=f"{path}, line {error.lineno}",
            todo=_TODO,
        ) from None
    except (RecursionError, ValueError):  # ValueError: a number of too many digits
        raise BenchError("broken JSON", where=str(path), todo=_TODO) from None
    if not isinstance(value, dict):
        raise BenchError("is no JSON object", where=str(path), todo=_TODO)
    gold: dict[str, Keyphrases] = {}
    left_out = 0
    for id_, entries in value.items():
        where = f"{path}, id {shown(id_)}"
        if not isinstance(entries, list) or not all(map(_is_entry, entries)):
            raise BenchError("its gold is no list of phrases", where=where, todo=_TODO)
        gold[id_] = listed_phrases(e if isinstance(e, str) else e[0] for e in entries)
        left_out += sum(len(e) - 1 for e in entries if isinstance(e, list))
        for text in (id_, *gold[id_]):
            check_text(text, where)
    return gold, left_out


def _is_entry(entry: object) -> bool:
    """Whether this is a phrase, or a list of variants of one."""
    if isinstance(entry, list):
        return bool(entry) and all(isinstance(variant, str) for variant in entry)
    return isinstance(entry, str)
