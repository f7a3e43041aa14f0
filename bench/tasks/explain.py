"""Why a prediction scored what it did: a mark for every predicted and every gold phrase of a document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from readbench.core.types import Document, RankedPhrases
from readbench.tasks.keyphrases import gold_phrases
from readbench.tasks.predictions import ranked
from readbench.tasks.spec import TaskSpec
from readbench.text import normalise

Reason = Literal["order", "stem", "part of"]
"""Why two phrases are nearly the same. "order": the same stems in another order. "stem": the same
words in another form. "part of": the stems of one are a contiguous part of the other's."""

_STRENGTH: dict[Reason, int] = {"order": 0, "stem": 1, "part of": 2}
# Below these a shared beginning says little: "a" begins "algorithm", "inter" half of all jargon.
_SHORTEST_PREFIX = 4
_SHORTEST_STEM = 3


@dataclass(frozen=True, slots=True)
class PredictedMark:
    """One predicted phrase. ``rank`` is its rank as scored, None for an ignored phrase (a duplicate, or
    one that normalises to nothing). ``gold`` is the gold phrase that it matched or nearly missed."""

    phrase: str
    score: float
    rank: int | None
    mark: Literal["match", "near miss", "wrong", "ignored"]
    reason: Reason | Literal["duplicate", "empty"] | None
    gold: str | None
    absent: bool


@dataclass(frozen=True, slots=True)
class GoldMark:
    """One gold phrase. ``rank`` and ``predicted`` are those of the phrase that matched or nearly missed
    it; ``absent`` says that it does not occur in the text."""

    phrase: str
    mark: Literal["match", "near miss", "missed", "ignored"]
    reason: Reason | Literal["duplicate", "empty"] | None
    rank: int | None
    predicted: str | None
    absent: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """The marks of one document, in the order of the prediction and of the gold phrases."""

    predicted: tuple[PredictedMark, ...]
    gold: tuple[GoldMark, ...]


@dataclass(frozen=True, slots=True)
class _Phrase:
    text: str
    words: tuple[str, ...]
    stems: tuple[str, ...]
    ignored: Literal["duplicate", "empty"] | None
    rank: int


def explain(
    spec: TaskSpec, document: Document, gold: Sequence[str], prediction: RankedPhrases
) -> Explanation:
    """Marks every phrase as match, near miss (with the reason and its counterpart), wrong or missed.

    A wrong phrase is compared with the gold phrases that nothing matched first. A gold phrase can only
    be nearly missed by a phrase that matches no other. Raises BenchError for malformed input.
    """
    checked = ranked(prediction, f"prediction of document {document.id}")
    predicted = _read(checked.phrases, spec.language)
    wanted = _read(gold_phrases(gold, document.id), spec.language)
    text = normalise.stems(spec.text(document), spec.language)
    by_stems = {phrase.stems: phrase for phrase in predicted if phrase.ignored is None}
    gold_by_stems = {phrase.stems: phrase for phrase in wanted if phrase.ignored is None}
    missed = [phrase for stems, phrase in gold_by_stems.items() if stems not in by_stems]
    found = [phrase for stems, phrase in gold_by_stems.items() if stems in by_stems]
    wrong = [phrase for stems, phrase in by_stems.items() if stems not in gold_by_stems]

    def mark_predicted(phrase: _Phrase, score: float) -> PredictedMark:
        absent = not normalise.present(phrase.stems, text)
        if phrase.ignored is not None:
            return PredictedMark(phrase.text, score, None, "ignored", phrase.ignored, None, absent)
        match = gold_by_stems.get(phrase.stems)
        if match is not None:
            return PredictedMark(phrase.text, score, phrase.rank, "match", None, match.text, absent)
        near = _nearest(phrase, missed) or _nearest(phrase, found)
        if near is None:
            return PredictedMark(phrase.text, score, phrase.rank, "wrong", None, None, absent)
        return PredictedMark(phrase.text, score, phrase.rank, "near miss", near[0], near[1].text, absent)

    def mark_gold(phrase: _Phrase) -> GoldMark:
        absent = not normalise.present(phrase.stems, text)
        if phrase.ignored is not None:
            return GoldMark(phrase.text, "ignored", phrase.ignored, None, None, absent)
        match = by_stems.get(phrase.stems)
        if match is not None:
            return GoldMark(phrase.text, "match", None, match.rank, match.text, absent)
        near = _nearest(phrase, wrong)
        if near is None:
            return GoldMark(phrase.text, "missed", None, None, None, absent)
        return GoldMark(phrase.text, "near miss", near[0], near[1].rank, near[1].text, absent)

    return Explanation(
        tuple(mark_predicted(*pair) for pair in zip(predicted, checked.scores, strict=True)),
        tuple(mark_gold(phrase) for phrase in wanted),
    )


def _read(phrases: Sequence[str], language: str) -> list[_Phrase]:
    read: list[_Phrase] = []
    seen: set[tuple[str, ...]] = set()
    for phrase in phrases:
        stems = normalise.stems(phrase, language)
        ignored: Literal["duplicate", "empty"] | None = None
        if not stems:
            ignored = "empty"
        elif stems in seen:
            ignored = "duplicate"
        else:
            seen.add(stems)
        read.append(_Phrase(phrase, normalise.words(phrase, language), stems, ignored, len(seen)))
    return read


def _nearest(phrase: _Phrase, others: Sequence[_Phrase]) -> tuple[Reason, _Phrase] | None:
    """The strongest near miss; of equally strong ones that of the most similar length, then the first."""
    near = [(reason, other) for other in others if (reason := _near(phrase, other)) is not None]
    if not near:
        return None
    return min(near, key=lambda n: (_STRENGTH[n[0]], abs(len(n[1].stems) - len(phrase.stems)), n[1].rank))


def _near(one: _Phrase, other: _Phrase) -> Reason | None:
    a, b = one.stems, other.stems
    if not a or not b or a == b:
        return None
    if sorted(a) == sorted(b):
        return "order"
    if len(a) == len(b) and all(map(_same_word, one.words, other.words, a, b)):
        return "stem"
    if normalise.present(a, b) or normalise.present(b, a):
        return "part of"
    return None


def _same_word(word: str, other: str, stem: str, other_stem: str) -> bool:
    """Whether two words are probably forms of one: equal stems, one stem the beginning of the other, or
    a shared beginning of at least 4 characters and half of the longer word."""
    short, long = sorted((stem, other_stem), key=len)
    if short == long or (len(short) >= _SHORTEST_STEM and long.startswith(short)):
        return True
    shared = 0
    while shared < min(len(word), len(other)) and word[shared] == other[shared]:
        shared += 1
    return shared >= _SHORTEST_PREFIX and 2 * shared >= max(len(word), len(other))
