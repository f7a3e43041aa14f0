"""What an audit says, as plain values: scores with intervals, probes of fields, findings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from readbench.core.types import Decision

Severity = Literal["finding", "note"]
"""A finding makes scores on this dataset untrustworthy; a note is something to know, which the harness
deals with by itself (near-duplicates stay on one side of a split, documents without gold do not count)."""

Z = 1.959963984540054
"""The 97.5 % point of the normal distribution, for 95 % intervals."""


@dataclass(frozen=True, slots=True)
class Score:
    """How often predictions are right, over ``n`` documents, with 95 % intervals.

    ``balanced`` is the mean over the classes of the share that is right, whatever their sizes;
    ``chance`` is what it is for guesses (1 / classes), ``majority`` the accuracy of the largest class.
    """

    accuracy: float
    accuracy_interval: tuple[float, float]
    balanced: float
    balanced_interval: tuple[float, float]
    chance: float
    majority: float
    n: int

    @classmethod
    def of(cls, truth: Sequence[str], predicted: Sequence[str]) -> Score:
        """Raises ValueError without documents."""
        if not truth:
            raise ValueError("there are no documents to score")
        gold, right = np.asarray(truth), np.asarray(truth) == np.asarray(predicted)
        sizes = [int(np.sum(gold == label)) for label in sorted(set(truth))]
        hits = [int(np.sum(right[gold == label])) for label in sorted(set(truth))]
        return cls(
            accuracy=float(np.mean(right)),
            accuracy_interval=wilson(int(right.sum()), len(gold)),
            balanced=sum(hit / size for hit, size in zip(hits, sizes, strict=True)) / len(sizes),
            balanced_interval=mean_of_shares(hits, sizes),
            chance=1 / len(sizes),
            majority=max(sizes) / len(gold),
            n=len(gold),
        )

    @property
    def skill(self) -> float:
        """The part of the way from guessing to certainty: 0 for guesses, 1 where all is right."""
        return self._skill(self.balanced)

    @property
    def sure_skill(self) -> float:
        """The skill at the lower end of the interval."""
        return self._skill(self.balanced_interval[0])

    def _skill(self, balanced: float) -> float:
        return (balanced - self.chance) / (1 - self.chance) if self.chance < 1 else 0.0


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    share = hits / n
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def mean_of_shares(hits: Sequence[int], sizes: Sequence[int]) -> tuple[float, float]:
    """The 95 % interval of the mean of independent shares, from the Wilson interval of each by the
    square-and-add rule (Zou & Donner 2008, doi:10.1002/sim.3095): never of width 0 as the normal
    approximation is where all is right."""
    shares = [hit / size for hit, size in zip(hits, sizes, strict=True)]
    intervals = [wilson(hit, size) for hit, size in zip(hits, sizes, strict=True)]
    mean = sum(shares) / len(shares)
    below = math.sqrt(sum((p - low) ** 2 for p, (low, _) in zip(shares, intervals, strict=True)))
    above = math.sqrt(sum((high - p) ** 2 for p, (_, high) in zip(shares, intervals, strict=True)))
    return max(0.0, mean - below / len(shares)), min(1.0, mean + above / len(shares))


@dataclass(frozen=True, slots=True)
class Side:
    """The documents on one side of a mark: how many, and the label that most of them have."""

    documents: int
    label: str
    share: float
    example: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class TellingMark:
    """One mark of a field that tells the label: ``condition`` spells when it is there, and ``subject`` of
    what that is said (``it``), empty where the condition names it."""

    condition: str
    subject: str
    score: Score
    holds: Side
    fails: Side

    def sentence(self) -> str:
        def said(side: Side) -> str:
            return f"label {side.label} in {percent(side.share)} of {side.documents:,}"

        where = f"{self.subject} {self.condition}" if self.subject else self.condition
        return (
            f"where {where}, {said(self.holds)}; elsewhere {said(self.fails)} "
            f"(this mark alone is right in {percent(self.score.accuracy)})"
        )


@dataclass(frozen=True, slots=True)
class FieldProbe:
    """What single-field models make of one field. ``words``: TF-IDF of its words, ``marks``: its
    punctuation, length and character classes alone, ``name``: reading a label's name off it."""

    field: str
    filled: int
    distinct: int
    marks: Score
    words: Score | None
    name: Score | None
    telling: tuple[TellingMark, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the audit found, in words, with the ids of a few documents that show it."""

    kind: str
    severity: Severity
    text: str
    field: str | None = None
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CopyGroup:
    """Documents that are one text or nearly: ids, official parts and labels in the same order.
    ``similarity`` is the Jaccard similarity of the first two, 1 for equal texts."""

    ids: tuple[str, ...]
    exact: bool
    similarity: float
    excerpt: str
    parts: tuple[str | None, ...]
    labels: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Copies:
    """Exact and near-duplicates: counts of groups and of documents in them, and the groups."""

    fields: tuple[str, ...]
    threshold: float
    groups: tuple[CopyGroup, ...]

    @property
    def documents(self) -> int:
        return sum(len(group.ids) for group in self.groups)

    def across_parts(self) -> list[CopyGroup]:
        return [group for group in self.groups if len({part for part in group.parts if part}) > 1]

    def contradictory(self) -> list[CopyGroup]:
        return [group for group in self.groups if len({label for label in group.labels if label}) > 1]


@dataclass(frozen=True, slots=True)
class KeyphraseGold:
    """Gold keyphrases: documents with and without, phrases, and the share that each field contains."""

    documents: int
    without: int
    phrases: int
    twice: int
    present: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Audit:
    """Everything that one audit found out about a dataset."""

    dataset: str
    fingerprint: str
    documents: int
    sample_of: int | None
    filled: Mapping[str, int]
    copies: Copies
    labels: Mapping[str, int] | None = None
    unlabelled: int = 0
    text: Score | None = None
    text_fields: tuple[str, ...] = ()
    probes: tuple[FieldProbe, ...] = ()
    keyphrases: KeyphraseGold | None = None
    findings: tuple[Finding, ...] = field(default=())
    decisions: tuple[Decision, ...] = ()

    @property
    def exit_status(self) -> int:
        """0 nothing found, 1 findings; notes do not count."""
        return int(any(found.severity == "finding" for found in self.findings))


def percent(share: float) -> str:
    """A share in percent, to a tenth, and 100 % for all alone: 0.9996 is 99.9 %."""
    tenths = round(1000 * share)
    if share < 1:
        tenths = min(tenths, 999)
    if share > 0:
        tenths = max(tenths, 1)
    return f"{tenths // 10} %" if tenths % 10 == 0 else f"{tenths / 10:.1f} %"
