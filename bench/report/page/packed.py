"""The documents as data for the page: texts, gold and predictions, each text once, as the script reads them.

A document's phrases are a table, and methods hold places in it. Which words of the text are a phrase the
script finds by itself, as long as the text has the phrase in the same letters; other forms of it (a plural)
are named in the table, because only the normaliser of the metrics knows them. The table of a document stands
beside its text, where it compresses best: it repeats it.
"""

from __future__ import annotations

import base64
import gzip
import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any

import numpy as np

from readbench.core.escape import for_script
from readbench.core.types import Document, StatedFacts, Target
from readbench.report.page.corpus import Answer, Corpus, fact_text
from readbench.report.page.groups import length_in_words
from readbench.report.page.scores import TaskScores
from readbench.tasks.extraction import matching_key
from readbench.tasks.spec import TaskSpec
from readbench.text import normalise

MILLI = 1000
"""Scores are whole numbers of thousandths."""


@dataclass(frozen=True)
class TaskDocuments:
    """What the page shows of one task: its scores, and the answers of the methods, by method and document."""

    scores: TaskScores
    answers: Mapping[str, Mapping[str, Answer]]


def pack(value: object) -> str:
    """JSON, compressed, as base64: what ``DecompressionStream`` of a browser reads."""
    return base64.b64encode(gzip.compress(for_script(value).encode(), 9, mtime=0)).decode()


def documents_data(tasks: Sequence[TaskDocuments], corpus: Corpus, *, texts: bool) -> dict[str, Any]:
    """``ids``, ``fields`` and ``words`` of the documents, ``tasks`` with scores, and ``texts``: of each one
    its texts and, for each task, its table. Without ``texts`` there are ids, numbers of words and scores."""
    ids = list(dict.fromkeys(id_ for task in tasks for id_ in task.scores.ids))
    fields = list(dict.fromkeys(name for task in tasks for name in task.scores.spec.fields))
    documents = [corpus.documents.get(id_) for id_ in ids]
    data: dict[str, Any] = {"ids": ids, "fields": fields, "words": [_words(tasks, one) for one in documents]}
    places = {id_: place for place, id_ in enumerate(ids)}
    data["tasks"] = [_scores(task.scores, places) for task in tasks]
    if texts:
        rows: list[list[Any]] = [
            [[one.fields.get(name, "") if one else "" for name in fields]] for one in documents
        ]
        for task, of_task in zip(tasks, data["tasks"], strict=True):
            tables, of_task["predicted"], of_task["sure"] = _answers_of(task, corpus)
            for id_, row in zip(ids, rows, strict=True):
                row.append(tables.get(id_))
        data["texts"] = rows
    return data


def _words(tasks: Sequence[TaskDocuments], document: Document | None) -> int:
    return 0 if document is None else length_in_words(tasks[0].scores.spec.text(document))


def _scores(scores: TaskScores, places: Mapping[str, int]) -> dict[str, Any]:
    return {
        "task": scores.spec.task,
        "metric": scores.metric.id,
        "better": 1 if scores.metric.higher_is_better else -1,
        "methods": list(scores.values),
        "documents": [places[id_] for id_ in scores.ids],
        "scores": [_thousandths(values) for values in scores.values.values()],
    }


def _thousandths(values: Any) -> list[int | None]:
    whole = np.nan_to_num(np.rint(values * MILLI)).astype(int).tolist()
    return [
        None if missing else value for value, missing in zip(whole, np.isnan(values).tolist(), strict=True)
    ]


def _answers_of(task: TaskDocuments, corpus: Corpus) -> tuple[dict[str, Any], list[Any], list[Any]]:
    """The table of each document; of each document and method the places in the table, None where its answers
    are gone; and, of labels, the probabilities."""
    spec = task.scores.spec
    targets = corpus.targets.get(spec.task, {})
    tables: dict[str, Any] = {}
    predicted: list[Any] = []
    sure: list[Any] = []
    for id_ in task.scores.ids:
        answers = [task.answers.get(method, {}).get(id_) for method in task.scores.values]
        gold, parts = _gold(targets.get(id_))
        places = {text: place for place, text in enumerate(gold)}
        predicted.append(
            [one and [places.setdefault(text, len(places)) for text in one.texts] for one in answers]
        )
        if spec.task == "classification":
            confidences = [one.confidence if one else None for one in answers]
            sure.append([None if value is None else round(value, 3) for value in confidences])
        for one in answers:
            parts |= {} if one is None else dict(zip(one.texts, one.parts, strict=False))
        tables[id_] = _table(task, corpus.documents.get(id_), list(places), len(gold), parts)
    return tables, predicted, sure


def _table(
    task: TaskDocuments,
    document: Document | None,
    texts: Sequence[str],
    gold: int,
    parts: Mapping[str, tuple[str, str]],
) -> list[Any]:
    """The number of gold texts, the table whose first these are, the places of those that are not in the
    document, and pairs (place, gold place) of texts that count as equal."""
    kind = task.scores.spec.task
    if kind == "keyphrases" and document is not None:
        return [gold, *_phrases(task.scores.spec, document, texts, gold)]
    if kind == "extraction":
        entries = [[text, *filter(None, parts[text])] if text in parts else text for text in texts]
        return [gold, entries, [], _equal([matching_key(text) for text in texts], gold)]
    return [gold, list(texts), [], []]


def _gold(target: Target | None) -> tuple[list[str], dict[str, tuple[str, str]]]:
    match target:
        case str():
            return [target], {}
        case StatedFacts():
            parts = {fact_text(fact): (fact.subject, fact.object) for fact in target.facts}
            return ([target.label] if target.label is not None else []) + list(parts), parts
        case tuple():
            return list(dict.fromkeys(target)), {}
        case _:
            return [], {}


def _phrases(
    spec: TaskSpec, document: Document, table: Sequence[str], count: int
) -> tuple[list[Any], list[int], list[int]]:
    """The table with the forms of each phrase that the text has in other letters; the gold phrases that the
    text does not have; and what counts as equal."""
    keys = [normalise.key(phrase, spec.language) for phrase in table]
    text = _Stemmed(spec.text(document), spec.language)
    entries: list[Any] = []
    absent = []
    for place, (phrase, key) in enumerate(zip(table, keys, strict=True)):
        forms = text.forms(key)
        if not forms and place < count:
            absent.append(place)
        other = sorted(forms - {phrase.lower()})
        entries.append([phrase, *other] if other else phrase)
    return entries, absent, _equal(keys, count)


def _equal(keys: Sequence[str], count: int) -> list[int]:
    """Pairs of places, one after the other: of a text that is not among the first ``count``, and of the one
    among these that has the same key."""
    gold = {key: place for place, key in reversed(list(enumerate(keys[:count]))) if key}
    found = []
    for place, key in enumerate(keys[count:], count):
        if key in gold:
            found += [place, gold[key]]
    return found


_RUNS = re.compile(r"\S+")


@lru_cache(maxsize=1 << 17)
def _places(run: str, language: str) -> list[tuple[int, int, str]]:
    """The words of a run without white space. No word reaches beyond one, and texts repeat them."""
    return normalise.places(run, language)


class _Stemmed:
    """A text in which phrases are looked up by their stems."""

    def __init__(self, text: str, language: str) -> None:
        self.text = text
        self.places = [
            (run.start() + start, run.start() + end, stem)
            for run in _RUNS.finditer(text)
            for start, end, stem in _places(run[0], language)
        ]
        self.stems = f" {' '.join(stem for _, _, stem in self.places)} "
        # Where each word begins in ``stems``.
        self.starts = [0, *accumulate(len(stem) + 1 for _, _, stem in self.places)]

    def forms(self, key: str) -> set[str]:
        """The different letters, in lower case, in which the text has a phrase."""
        found: set[str] = set()
        if not key:
            return found
        wanted, words = f" {key} ", key.count(" ")
        at = self.stems.find(wanted)
        while at >= 0:
            first = bisect_left(self.starts, at)
            start, end = self.places[first][0], self.places[first + words][1]
            found.add(self.text[start:end].lower())
            at = self.stems.find(wanted, at + 1)
        return found
