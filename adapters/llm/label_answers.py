"""Which label a free answer states. The rule, in the order in which it is tried:

1. *Spelling.* Answer and labels are compared without regard to case, full or half width, and to whether
   words are joined by blanks, hyphens or underscores.
2. *The answer is a label*, save for blanks and punctuation around it: that one.
3. *Mentions.* A label is mentioned where it stands as a word or words of its own. A Chinese label needs no
   blank around it; one of a single character stands alone between punctuation. A number does not count
   within another number (``10``, ``0.5``, ``1/5``, ``1%``) or behind a minus (``-1``); a word does not count
   within a compound (``bio-medical``). Of labels within labels the longest is meant.
4. *Negation.* A mention right behind a negation (``not a medical``, ``non-medical``, ``doesn't belong to
   the medical``, ``不属于医学``), or right before one (``medical: no``), does not state its label. It states
   the label that is spelt as its negation (``not medical``, ``非医学``), where there is one.
5. *Doubt.* A negation further away in the same clause (``does not treat patients it is medical``), two of
   them, or words of doubt (``whether``, ``not only``, ``是否``) make a mention unreadable, and with it the
   answer.
6. One label is stated: that one. Several: the first, where it begins the answer and a line end or a stop
   follows it. Otherwise the answer states none. Nothing is concluded from what a paper is not.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

HAN = "\u2e80-\u9fff\uf900-\ufaff"
"""Characters that are written without blanks between words, as in a set of a pattern."""
JOINT = r"[\s_\-\u2010-\u2015]"
"""What may stand between the words of a label."""
STOP = re.compile(r"\s*[\n.,:;)。，：；]")
"""What makes a label at the beginning of an answer the answer."""
CLAUSE = re.compile(
    r"[\n.,:;!?。，：；！？、]|(?<!anything )(?<!nothing )\bbut\b"
    r"|\b(?:although|though|because|since|while|however)\b|但|而是|因为|虽然"
)
"""Where a clause ends: a negation does not reach over it."""
NEGATION = re.compile(
    r"\b(?:not|non|no|never|neither|nor|cannot|isnt|arent|\w+n['’]t|hardly|barely|without|unrelated|irrelevant|"
    r"outside|rather than|instead of|other than)\b"
    r"|不是|不属于|并非|没有|非|不|没|无|未|否"
)
HARMLESS = re.compile(
    r"非常|不同|不断|不少|不过|无线|无疑|无论|未来|否则|毫无疑问|不可否认|不得不|\bno doubt\b"
)
"""What holds the sign of a negation and is none."""
DOUBT = re.compile(
    r"\b(?:whether|unclear|unsure|uncertain|unknown|if)\b"
    r"|\bnot (?:only|just|merely|sure|certain|clear)\b|\bno (?:idea|way to)\b|\banything but\b"
    r"|是否|能否|不仅|不只|不但|不确定|不清楚|不知道|无法|不可能"
)
ASIDE_MARKS = ",().;\n"
"""What begins or ends an aside, or keeps one from reaching further."""
BETWEEN = re.compile(
    r"(?:\s|['\"“”‘’「」*`(]|[\-\u2010-\u2015]|\b(?:a|an|the|of|to|in|into|on|about|as|be|is|being|one|"
    r"at|all|than|it|that|think|believe|say|call|seem|appear|consider|classify|"
    r"really|very|primarily|mainly|clearly|strictly|truly|belong|belongs|classified|classed|labelled|labeled|"
    r"categorized|categorised|considered|regarded|related|relevant|concerned|concern|with|deal|any|this|paper|"
    r"class|category|label|field|domain|count|under|fall|falls|within|fit|my|your|our)\b|"
    r"是|属于|属|算|上|关|归为|归类为|太|很|真正|完全|一篇|一个|关于|涉及|的|该|在|为|能|会|应|当|被|视为|认为|"
    r"分类为|标为|直接|领域|类别|范畴|论文)*"
)
"""What may stand between a negation and the label that it denies."""
DENIED = re.compile(
    r"\s*+['\"“”’」*`]*+\s*+[:=?]\s*+['\"“‘「*`]*+\s*+(?:no\b|not\b|false\b|n\b|否|不是|不)"
    r"|(?:领域|论文|类)?(?:[毫并]?无关|并?不相关|并?没有?关系|毫无关系|以外|之外)"
)
"""What denies the label that it follows."""
DENIALS = (
    re.compile(rf"(?:(?:not|no){JOINT}+|non{JOINT}*)(?P<label>.+)"),
    re.compile(r"(?:不是|不属于|并非|非|不|无|未)(?P<label>.+)"),
)
"""How a label is spelt as the negation of another."""
WORD = rf"[^\W_{HAN}]"
"""A letter or digit of a script that has blanks between words."""
MEASURES = "个篇种项次年月日章节条位名份天页例"
"""Behind a number they count something."""
HYPHENS = "-\u2010\u2011\u2012\u2013"
MINUS = re.compile(r"(?:^|[^\w\-])[\-\u2010-\u2013\u2212]$|负$")

Stated = Literal["stated", "denied", "doubtful"]


@dataclass(frozen=True, slots=True)
class Mention:
    """A label in an answer: the place of its characters, and what the answer says of it."""

    label: str
    start: int
    end: int
    stated: Stated


def label_of(answer: str, labels: Sequence[str]) -> str | None:
    """The label that an answer states, by the rule above; None where it states none.

    >>> label_of("It is not a medical paper.", ("medical", "not medical"))
    'not medical'
    >>> label_of("这篇论文属于医学领域", ("医学", "计算机"))
    '医学'
    """
    if answer.strip() in labels:
        return answer.strip()
    known = Labels.of(tuple(labels))
    text = plain(answer)
    if bare := known.by_key.get(key(text.strip(" \t\n.,:;!?'\"“”‘’「」*`。，：；！？"))):
        return bare
    mentions = list(known.mentions(text))
    stated = {mention.label for mention in mentions if mention.stated == "stated"}
    stated |= {
        known.denials[mention.label]
        for mention in mentions
        if mention.stated == "denied" and mention.label in known.denials
    }
    first = next(iter(mentions), None)
    begins = first and first.stated == "stated" and not text[: first.start].strip()
    if first and begins and STOP.match(text, first.end):
        return first.label
    if len(stated) != 1 or any(mention.stated == "doubtful" for mention in mentions):
        return None
    return stated.pop()


def plain(text: str) -> str:
    """Text without case and without full or half width, as far as Unicode has both."""
    return unicodedata.normalize("NFKC", text.strip()).casefold()


def key(text: str) -> str:
    """What two spellings of a label have in common."""
    return re.sub(rf"(?<=\w){JOINT}+(?=\w)", " ", plain(text)).strip()


@dataclass(frozen=True)
class Labels:
    """Labels as they are looked for. ``by_key`` holds those that no other is spelt like, ``denials`` the
    label that denies another; ``pattern`` finds any of them, the longest first."""

    by_key: dict[str, str]
    denials: dict[str, str]
    pattern: re.Pattern[str] | None

    @classmethod
    @lru_cache(maxsize=16)
    def of(cls, labels: tuple[str, ...]) -> Labels:
        keys = [key(label) for label in labels]
        by_key = {one: label for one, label in zip(keys, labels, strict=True) if keys.count(one) == 1 and one}
        longest_first = sorted({*keys} - {""}, key=lambda one: (-len(one), one))
        pattern = re.compile("|".join(map(_bounded, longest_first))) if longest_first else None
        pairs = [(base, label) for one, label in by_key.items() if (base := _denied(one, by_key))]
        bases = [base for base, _ in pairs]
        return cls(by_key, {base: label for base, label in pairs if bases.count(base) == 1}, pattern)

    def mentions(self, text: str) -> Iterator[Mention]:
        """What a plain text mentions, in its order. A spelling that two labels share is doubtful."""
        if self.pattern is None:
            return
        found = [match for match in self.pattern.finditer(text) if not _within_a_compound(match)]
        answer = _Answer(text, [match.span() for match in found])
        for match in found:
            label = self.by_key.get(key(match.group()), "")
            stated = answer.says_of(*match.span()) if label else "doubtful"
            yield Mention(label, match.start(), match.end(), stated)


class _Answer:
    """A text with the places (start, end) of the labels in it, and what it says of each. Every pattern passes
    over the text once, whatever the number of labels: an answer is as long as a model likes."""

    def __init__(self, text: str, places: Sequence[tuple[int, int]]) -> None:
        self.text = text
        self.masked = _masked(text, places)
        """Without labels, and without what only looks like a negation."""
        self._clauses = [0, *(match.end() for match in CLAUSE.finditer(self.masked))]
        self._doubts = [match.start() for match in DOUBT.finditer(self.masked)]
        self._last = {self._clause(start): start for start, _ in places}
        self._negations: dict[int, list[tuple[int, int]]] = {}

    def says_of(self, start: int, end: int) -> Stated:
        clause = self._clause(start)
        if bisect_left(self._doubts, start) > bisect_left(self._doubts, clause) or self._is_aside(start):
            return "doubtful"
        negations = self._negations_of(clause)
        count = bisect_left(negations, (start, 0))
        denied = DENIED.match(self.text, end) is not None
        if not count:
            return "denied" if denied else "stated"
        if count > 1 or denied:
            return "doubtful"
        return "denied" if BETWEEN.fullmatch(self.masked, negations[0][1], start) else "doubtful"

    def _clause(self, start: int) -> int:
        """Where the clause begins that the place is in."""
        return self._clauses[bisect_right(self._clauses, start) - 1]

    def _negations_of(self, clause: int) -> list[tuple[int, int]]:
        """The places of the negations between the beginning of a clause and its last label."""
        if clause not in self._negations:
            part = self.masked[clause : self._last[clause]]
            found = [(clause + match.start(), clause + match.end()) for match in NEGATION.finditer(part)]
            self._negations[clause] = found
        return self._negations[clause]

    def _is_aside(self, start: int) -> bool:
        """Whether a negation, and something in commas or brackets, stands right before the label."""
        end = len(self.masked[:start].rstrip()) - 1
        if end < 0 or self.masked[end] not in ",)":
            return False
        begin = max(self.masked.rfind(mark, 0, end) for mark in ASIDE_MARKS)
        return begin >= 0 and self.masked[begin] in ",(" and _ends_with_negation(self.masked[:begin])


def _ends_with_negation(text: str) -> bool:
    return re.search(r"\b(?:not|never)$", text.rstrip()[-6:]) is not None


def _masked(text: str, places: Iterable[tuple[int, int]]) -> str:
    parts, last = [], 0
    masked = HARMLESS.sub(lambda match: "\0" * len(match.group()), text)
    for start, end in places:
        parts += [masked[last:start], "\0" * (end - start)]
        last = end
    return "".join([*parts, masked[last:]])


def _within_a_compound(match: re.Match[str]) -> bool:
    """Whether a word is a part of another, or a number has a minus."""
    text, start = match.string, match.start()
    if text[start].isdigit():
        return MINUS.search(text[max(start - 3, 0) : start]) is not None
    # A word may be broken at the end of a line.
    end = start - (2 if text[:start].endswith("\n") else 1)
    if end < 1 or text[end] not in HYPHENS:
        return False
    first = end
    while first and re.match(WORD, text[first - 1]):
        first -= 1
    return first < end and text[first:end] not in ("not", "non", "no")


def _bounded(spelled: str) -> str:
    """The pattern of a label's key, with what must not stand beside it."""
    words = rf"{JOINT}{{1,3}}".join(map(re.escape, spelled.split(" ")))
    if len(spelled) == 1 and re.match(rf"[{HAN}]", spelled):
        return rf"(?<!\w){words}(?!\w)"
    first, last = spelled[0], spelled[-1]
    left = right = ""
    if re.match(WORD, first):
        left = rf"(?:(?<!{WORD})|(?<=\bnon))"
    if first.isdigit():
        left += r"(?<!\d[.,/:])(?<!\$)"
    if re.match(WORD, last):
        right = rf"(?!{WORD})(?!-(?!related){WORD})" if not last.isdigit() else rf"(?!{WORD})"
    if last.isdigit():
        right += rf"(?![.,/:]\d)(?!\s*[%‰/^])(?!\s*[{MEASURES}])"
    return f"{left}{words}{right}"


def _denied(spelled: str, by_key: dict[str, str]) -> str | None:
    """The label whose negation a key spells."""
    for pattern in DENIALS:
        found = pattern.fullmatch(spelled)
        if found and (base := by_key.get(key(found["label"]))):
            return base
    return None
