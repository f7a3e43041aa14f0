"""The scorer of a published table of keyphrase models, rebuilt so that its numbers can be reproduced.

Gallina, Boudin and Daille 2020, Large-Scale Evaluation of Keyphrase Extraction Models, JCDL,
doi:10.1145/3383583.3398517; the details are those of the authors' scorer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from readbench.tasks.metric import Metric
from readbench.text import porter

CUTOFFS = (5, 10)
BEST = 100
"""How many phrases average precision looks at."""

_SOURCE = "Gallina, Boudin & Daille 2020, doi:10.1145/3383583.3398517, and the authors' scorer"
_VERSION = (
    f"jcdl2020-1: {porter.VERSION}; exact, a prediction matches as it stands or stemmed; gold phrases of "
    "equal stems count each, predicted duplicates stay; 0 without gold"
)


def _metrics() -> tuple[Metric, ...]:
    sides = {
        "precision": (
            "gold phrases found by the first {k} phrases, by min({k}, number predicted)",
            "found / min({k}, predicted)",
        ),
        "recall": ("gold phrases found by the first {k} phrases, by all gold phrases", "found / gold"),
        "f1": (
            "F1 of the document's precision@{k} and recall@{k}",
            "2 * found / (min({k}, predicted) + gold)",
        ),
    }
    found = [
        _metric(f"{side}@{k}", f"{summary.format(k=k)}, as in JCDL 2020", formula.format(k=k))
        for side, (summary, formula) in sides.items()
        for k in CUTOFFS
    ]
    average = f"sum over matches within rank {BEST} of (found so far / rank) / gold"
    return (*found, _metric("map", f"average precision over the best {BEST}, as in JCDL 2020", average))


def _metric(name: str, summary: str, formula: str) -> Metric:
    # A match may find several gold phrases, or repeat an earlier one, so that a value may pass 1.
    return Metric(f"jcdl2020.{name}", True, _VERSION, summary, language="en", formula=formula, source=_SOURCE)


METRICS = _metrics()


@dataclass(frozen=True, slots=True, eq=False)
class Gold:
    """Per document how many of its gold phrases have each key; None for a document without a target."""

    counts: tuple[Counter[str] | None, ...]

    @classmethod
    def prepare(cls, targets: Sequence[Sequence[str] | None]) -> Gold:
        """``targets``: per document its gold phrases (blank ones are dropped) or None."""
        return cls(tuple(None if gold is None else _counted(gold) for gold in targets))

    def table(self, phrases: Sequence[Sequence[str]], keys: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """The values of METRICS (documents, 7) for the predicted phrases and their ``porter.key`` in the
        same order. NaN without a target, 0 where a target has no phrases.

        Several gold phrases may have the same stems (network, networks). One prediction then finds all of
        them, and precision and F1 may pass 1. A prediction that repeats an earlier one finds nothing
        more, but average precision adds the precision at its rank again.

        A prediction matches by its stems or, in lower case, as it stands. So a method may deliver words
        or stems: to stem a stem again would change it ("databas" to "databa"). For words it makes no
        difference but where one has the letters of another one's stem ("lens", of gold "lensing").
        """
        values = np.full((len(self.counts), len(METRICS)), np.nan)
        for row, gold in enumerate(self.counts):
            if gold is not None:
                values[row] = _document(gold, phrases[row], keys[row])
        return values


def _counted(gold: Sequence[str]) -> Counter[str]:
    counts = Counter(porter.key(phrase) for phrase in gold)
    counts.pop("", None)
    return counts


def _document(gold: Counter[str], phrases: Sequence[str], keys: Sequence[str]) -> list[float]:
    total = gold.total()
    if not total or not phrases:
        return [0.0] * len(METRICS)
    unseen = dict(gold)
    found, average = 0, 0.0
    # The number of gold phrases found by the first 0, 1, 2, ... predictions.
    found_by = [0]
    for rank, (phrase, key) in enumerate(zip(phrases[:BEST], keys[:BEST], strict=True), 1):
        own = phrase.lower()
        if key in gold or own in gold:
            found += unseen.pop(key, 0) + unseen.pop(own, 0)
            average += found / rank
        found_by.append(found)
    shown = [min(k, len(phrases)) for k in CUTOFFS]
    hits = [found_by[n] for n in shown]
    return [
        *(hit / n for hit, n in zip(hits, shown, strict=True)),
        *(hit / total for hit in hits),
        # 2PR / (P + R) with P = hit / n and R = hit / total, rounded once.
        *(2 * hit / (n + total) for hit, n in zip(hits, shown, strict=True)),
        average / total,
    ]
