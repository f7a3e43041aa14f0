"""The keyphrase task and its house metrics: exact matches of stemmed phrases, at cut-offs and by rank.

The other families of metrics have files of their own: ``jcdl2020``, ``kpeval`` and ``semantic``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from readbench.core.errors import BenchError
from readbench.core.types import Document, Prediction, Target
from readbench.tasks import jcdl2020, kpeval, semantic
from readbench.tasks.base import TaskDefinition, check_ids
from readbench.tasks.metric import Metric, Scores
from readbench.tasks.predictions import ranked
from readbench.tasks.semantic import PhraseVectors
from readbench.tasks.spec import TaskSpec
from readbench.text import normalise, porter
from readbench.text.languages import language_code

CUTOFFS = ("5", "10", "15", "20", "M", "O")
"""Numbers of phrases that are looked at. M: all that were predicted; O: as many as gold has."""

NDCG_AT = 10
_VIEWS = ("", "present.", "absent.")
_SETS = "Manning, Raghavan & Schütze 2008, Introduction to Information Retrieval, section 8.3"
_RANKED = "Manning, Raghavan & Schütze 2008, Introduction to Information Retrieval, section 8.4"
_YUAN = "Yuan et al. 2020, doi:10.18653/v1/2020.acl-main.710"
_MENG = "Meng et al. 2017, doi:10.18653/v1/P17-1054, section 4.3"
_NDCG = "Järvelin & Kekäläinen 2002, doi:10.1145/582415.582418"
_NDCG_FORMULA = (
    f"sum over matches within rank {NDCG_AT} of 1 / log2(rank + 1), by that of min({NDCG_AT}, gold) matches "
    "at the top"
)
_MATCHING = f"{normalise.VERSION}, exact, duplicates dropped"
# 1 / log2(rank + 1), and its sums: the discounted gain of a list whose first entries all match.
_DISCOUNTS = np.array([1 / math.log2(rank + 1) for rank in range(1, NDCG_AT + 1)])
_IDEAL = np.concatenate([[0.0], np.cumsum(_DISCOUNTS)])


def _metrics() -> tuple[Metric, ...]:
    """The house metrics, in the order in which ``_table`` computes them."""
    versions = {
        "": _MATCHING,
        "present.": f"{_MATCHING}; present: contiguous stems in the text",
        "absent.": f"{_MATCHING}; absent: no contiguous stems in the text",
    }
    gold = {
        "": "",
        "present.": ", of phrases that occur in the text",
        "absent.": ", of phrases that do not occur in the text",
    }
    first = {"M": "all phrases", "O": "as many phrases as gold has"}
    found: list[tuple[str, str, str, str, str]] = []
    for view in _VIEWS:
        split = "" if not view else f"; the split by the text: {_MENG}"
        for measure in ("precision", "recall", "f1"):
            name = "F1" if measure == "f1" else measure
            for cutoff in CUTOFFS:
                summary = f"{name} of {first.get(cutoff, f'the first {cutoff} phrases')}{gold[view]}"
                if measure == "recall" and cutoff == "20" and not view:
                    summary += '; closest to what the competition notes call "acc"'
                source = (_YUAN if cutoff in first else _SETS) + split
                found.append((view, f"{measure}@{cutoff}", summary, _formula(measure, cutoff), source))
        summary = f"average precision over the whole list{gold[view]}"
        found.append(
            (view, "map", summary, "sum over matches of (matches so far / rank) / gold", _RANKED + split)
        )
        summary = f"discounted gain of the first {NDCG_AT} phrases{gold[view]}"
        found.append((view, f"ndcg@{NDCG_AT}", summary, _NDCG_FORMULA, _NDCG + split))
    return tuple(
        Metric(view + id_, True, versions[view], summary, formula=formula, source=source)
        for view, id_, summary, formula, source in found
    )


def _formula(measure: str, cutoff: str) -> str:
    """What ``_table`` computes at a cut-off; ``gold`` and ``predicted`` are numbers of phrases."""
    looked_at = {"M": "predicted", "O": "min(gold, predicted)"}.get(cutoff, f"min({cutoff}, predicted)")
    return {
        "precision": f"matches / {looked_at}",
        "recall": "matches / gold",
        "f1": f"2 * matches / ({looked_at} + gold)",
    }[measure]


HOUSE_METRICS = _metrics()
METRICS = (*HOUSE_METRICS, *jcdl2020.METRICS, *kpeval.METRICS, *semantic.METRICS)
_COLUMNS = len(HOUSE_METRICS) // len(_VIEWS)


@dataclass(frozen=True, slots=True, eq=False)
class Gold:
    """The gold side of a dataset for all families of metrics, each of which reads it in its own way."""

    ids: tuple[str, ...]
    house: HouseGold
    jcdl2020: jcdl2020.Gold
    kpeval: kpeval.Gold
    semantic: semantic.Gold
    vectors: PhraseVectors | None = None

    @classmethod
    def prepare(
        cls, spec: TaskSpec, documents: Mapping[str, Document], targets: Mapping[str, Target]
    ) -> Gold:
        gold = [gold_phrases(targets[id_], id_) if id_ in targets else None for id_ in documents]
        texts = [spec.text(document) for document in documents.values()]
        return cls(
            tuple(documents),
            HouseGold.prepare(spec.language, texts, gold),
            jcdl2020.Gold.prepare(gold),
            kpeval.Gold.prepare(gold),
            semantic.Gold.prepare(spec.language, gold),
        )

    def score(self, predictions: Mapping[str, Prediction]) -> Scores:
        """The values of METRICS (documents, metrics) for one method's predictions.

        Raises BenchError where a prediction is absent, of an unknown document or malformed.
        """
        phrases = self._phrases(predictions)
        keys = [[porter.key(phrase) for phrase in listed] for listed in phrases]
        tables = [self.house.table(phrases), self.jcdl2020.table(phrases, keys), self.kpeval.table(keys)]
        values = np.hstack([*tables, self.semantic.table(phrases, self.vectors)])
        # An English stemmer says nothing about other languages.
        code = language_code(self.house.language)
        values[:, [metric.language not in (None, code) for metric in METRICS]] = np.nan
        return Scores(METRICS, self.ids, values)

    def texts(self, predictions: Mapping[str, Prediction], depth: int | None) -> set[str]:
        """What ``with_vectors`` has to know: gold phrases, and the first ``depth`` predicted ones."""
        return self.semantic.texts(self._phrases(predictions), depth)

    def with_vectors(self, vectors: PhraseVectors) -> Gold:
        return replace(self, vectors=vectors)

    def _phrases(self, predictions: Mapping[str, Prediction]) -> list[tuple[str, ...]]:
        check_ids(self.ids, predictions)
        return [ranked(predictions[id_], f"prediction of document {id_}").phrases for id_ in self.ids]


@dataclass(frozen=True, slots=True, eq=False)
class HouseGold:
    """Gold for the house metrics. Per document: the keys of its gold phrases, the key of its text, and
    how many gold phrases it has in all, present and absent (``counts``, int64 of shape (documents, 3))."""

    language: str
    keys: tuple[frozenset[str], ...]
    texts: tuple[str, ...]
    counts: NDArray[np.int64]

    @classmethod
    def prepare(
        cls, language: str, texts: Sequence[str], targets: Sequence[Sequence[str] | None]
    ) -> HouseGold:
        keys: list[frozenset[str]] = []
        read: list[str] = []
        counts = np.zeros((len(texts), len(_VIEWS)), dtype=np.int64)
        for row, (text, phrases) in enumerate(zip(texts, targets, strict=True)):
            gold = frozenset(normalise.key(phrase, language) for phrase in phrases or ()) - {""}
            # Without gold the document is not scored, so its text is not read.
            text = f" {normalise.key(text, language)} " if gold else ""
            here = sum(f" {phrase} " in text for phrase in gold)
            keys.append(gold)
            read.append(text)
            counts[row] = len(gold), here, len(gold) - here
        return cls(language, tuple(keys), tuple(read), counts)

    def table(self, predictions: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """The values of HOUSE_METRICS (documents, metrics) for the predicted phrases."""
        predicted = np.zeros_like(self.counts)
        owners: tuple[list[int], ...] = ([], [], [])
        ranks: tuple[list[int], ...] = ([], [], [])
        for row, phrases in enumerate(predictions):
            gold, text = self.keys[row], self.texts[row]
            if not gold:
                continue
            # A dict keeps the first occurrence of each phrase and its place.
            kept = dict.fromkeys([normalise.key(phrase, self.language) for phrase in phrases])
            kept.pop("", None)
            rank = [0, 0, 0]
            for phrase in kept:
                view = 1 if f" {phrase} " in text else 2
                rank[0] += 1
                rank[view] += 1
                if phrase in gold:
                    owners[0].append(row)
                    ranks[0].append(rank[0])
                    owners[view].append(row)
                    ranks[view].append(rank[view])
            predicted[row] = rank
        parts = [
            _table(
                np.array(owners[view], dtype=np.int64),
                np.array(ranks[view], dtype=np.int64),
                predicted[:, view],
                self.counts[:, view],
            )
            for view in range(len(_VIEWS))
        ]
        return np.hstack(parts)


def _table(
    owner: NDArray[np.int64], rank: NDArray[np.int64], predicted: NDArray[np.int64], gold: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The metrics of one view (documents, 20), NaN for documents without gold.

    ``owner`` and ``rank`` (matches,) give for each match its document and its rank from 1, in the
    order of documents and ranks; ``predicted`` and ``gold`` (documents,) count phrases.
    """
    n = len(gold)
    table = np.full((n, _COLUMNS), np.nan)
    counted = gold > 0
    denominators = np.maximum(gold, 1)
    for index, cutoff in enumerate(CUTOFFS):
        k = predicted if cutoff == "M" else gold if cutoff == "O" else np.full(n, int(cutoff))
        hits = np.bincount(owner[rank <= k[owner]], minlength=n)
        looked_at = np.minimum(k, predicted)
        precision = hits / np.maximum(looked_at, 1)
        recall = hits / denominators
        # 2PR / (P + R) with P = hits / looked_at and R = hits / gold, rounded once.
        f1 = 2 * hits / np.maximum(looked_at + gold, 1)
        for offset, values in enumerate((precision, recall, f1)):
            table[:, offset * len(CUTOFFS) + index] = values
    # The how-manieth match of its document each match is; bincount adds in this order.
    starts = np.cumsum(np.bincount(owner, minlength=n)) - np.bincount(owner, minlength=n)
    nth = np.arange(1, len(owner) + 1) - starts[owner]
    table[:, -2] = np.bincount(owner, weights=nth / rank, minlength=n) / denominators
    early = rank <= NDCG_AT
    gains = np.bincount(owner[early], weights=_DISCOUNTS[rank[early] - 1], minlength=n)
    table[:, -1] = gains / _IDEAL[np.minimum(denominators, NDCG_AT)]
    table[~counted] = np.nan
    return table


def gold_phrases(target: object, id_: str) -> Sequence[str]:
    """The gold phrases of a target. Raises BenchError if it is not a list of strings."""
    if not isinstance(target, tuple | list) or not all(isinstance(phrase, str) for phrase in target):
        raise BenchError("target is not a list of phrases", where=f"target of document {id_}")
    return target


class KeyphraseTask(TaskDefinition):
    """Predictions are ranked phrases. The house metrics are computed per document, after duplicates
    (phrases of equal stems) and phrases that normalise to nothing are dropped on both sides:

    - ``precision@k``: matches among the first k, by min(k, number predicted); 0 for an empty list;
    - ``recall@k``: the same matches, by the number of gold phrases; ``f1@k``: of the two;
    - ``map``: precision at the rank of each match, summed, by the number of gold phrases;
    - ``ndcg@10``: binary gains, discounted by log2(rank + 1), by those of an ideal list of
      min(10, gold) matches (Järvelin & Kekäläinen 2002, doi:10.1145/582415.582418);
    - ``present.*``, ``absent.*``: gold and predictions are both split by whether their stems occur in
      the text (Meng et al. 2017, doi:10.18653/v1/P17-1054, section 4.3).

    A document without (present, absent) gold does not count. An empty prediction scores 0.

    Beside them stand ``jcdl2020.*`` and ``kpeval.*``, the scorers of published tables: they differ in
    stemmer, hyphens, duplicates, denominators and means, and documents without gold phrases count 0. Both
    stem English, and count for no text in another language. ``semantic.*`` compares embeddings instead
    of stems, where a suite asks for it.
    """

    name = "keyphrases"
    metrics = METRICS
    primary = "f1@10"
    board = ("f1@5", "f1@10", "recall@20", "map")

    def prepare(
        self, spec: TaskSpec, documents: Mapping[str, Document], targets: Mapping[str, Target]
    ) -> Gold:
        return Gold.prepare(spec, documents, targets)


TASK = KeyphraseTask()
