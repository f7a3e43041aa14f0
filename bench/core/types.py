"""Plain values that everything passes around: documents, targets, predictions, datasets, splits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from functools import cached_property
from typing import Literal

Task = Literal["keyphrases", "classification", "extraction"]
Part = Literal["train", "validation", "test"]


@dataclass(frozen=True, slots=True)
class Token:
    """One token of an annotation. ``offset`` is its first character in the text, ``space`` whether
    white space follows it, ``sentence`` the index of its sentence."""

    word: str
    lemma: str
    pos: str
    offset: int
    space: bool
    sentence: int


@dataclass(frozen=True, slots=True)
class Document:
    """One text to read. It never carries a gold target."""

    id: str
    fields: Mapping[str, str]
    language: str = "en"
    annotation: tuple[Token, ...] | None = None

    def canonical(self) -> dict[str, object]:
        """The content that fingerprints are made of."""
        value: dict[str, object] = {
            "id": self.id,
            "language": self.language,
            "fields": dict(sorted(self.fields.items())),
        }
        if self.annotation is not None:
            value["annotation"] = [
                [t.word, t.lemma, t.pos, t.offset, t.space, t.sentence] for t in self.annotation
            ]
        return value


Keyphrases = tuple[str, ...]
"""A keyphrase target: the gold phrases as the authors wrote them."""

Label = str
"""A classification target."""


@dataclass(frozen=True, slots=True, order=True)
class Fact:
    """One fact that a text states: a subject, a predicate and an object, and what kinds of things the
    subject and the object are (empty where nobody says)."""

    subject: str
    predicate: str
    object: str
    subject_type: str = ""
    object_type: str = ""

    @property
    def untyped(self) -> Fact:
        """The same without its types."""
        return Fact(self.subject, self.predicate, self.object)


@dataclass(frozen=True, slots=True)
class StatedFacts:
    """An extraction target: the facts of a text, or the label that was asked for in their place."""

    facts: tuple[Fact, ...] = ()
    label: str | None = None


Target = Keyphrases | Label | StatedFacts


@dataclass(frozen=True, slots=True)
class RankedPhrases:
    """A keyphrase prediction: phrases, best first, and a score each (its scale is the method's own)."""

    phrases: tuple[str, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class PredictedLabel:
    """A classification prediction; ``label`` None is an abstention. ``scores`` by label."""

    label: str | None
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExtractedFacts:
    """An extraction prediction: facts, a label, both or neither (an abstention).

    ``raw`` is the answer that it was read from, None where the method writes no text. ``parsed`` is False
    where that answer could not be read; it has neither facts nor a label then.
    """

    facts: tuple[Fact, ...] = ()
    label: str | None = None
    parsed: bool = True
    raw: str | None = None


Prediction = RankedPhrases | PredictedLabel | ExtractedFacts


@dataclass(frozen=True, slots=True)
class OtherLanguage:
    """The documents that say they are in another language than ``read``, the one in which a suite reads them.
    ``most`` counts the languages that most of them name, the most frequent first."""

    read: str
    documents: int
    most: Mapping[str, int]

    @property
    def words(self) -> str:
        """What ``documents`` counts, as plans and boards say it."""
        listed = ", ".join(f"{language} {count}" for language, count in self.most.items())
        more = ", …" if sum(self.most.values()) < self.documents else ""
        return f"{OTHER_LANGUAGE}, {self.read} ({listed}{more})"


OTHER_LANGUAGE = "documents say that they are in another language than the suite reads"
LEFT_OUT = "skipped"


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing that a reader decided about a file by looking at it.

    ``about`` names the thing ("keyphrases"), ``chosen`` says what was decided ("separated by `,`"). The file
    bears it out in ``seen`` of ``of`` things of the kind ``unit`` ("cells"); ``of`` is 0 where nothing was
    counted. ``doubt`` is what speaks against it, ``option`` the option that overrides it.
    """

    about: str
    chosen: str
    seen: int = 0
    of: int = 0
    unit: str = ""
    doubt: str = ""
    option: str = ""

    def sentence(self) -> str:
        """In words: ``keyphrases: separated by `,` in 3 of 3 cells (--keyword-separator overrides it)``."""
        counted = f" in {self.seen:,} of {self.of:,} {self.unit}" if self.of else ""
        doubt = f"; {self.doubt}" if self.doubt else ""
        option = f" ({self.option} overrides it)" if self.option else ""
        return f"{self.about}: {self.chosen}{counted}{doubt}{option}"


@dataclass(frozen=True)
class Dataset:
    """Documents with the targets that are known for them, per task and document id.

    ``left_out`` counts the documents that the reader skipped, by the reason (``{"no text": 2}``),
    ``remarks`` whatever else is worth knowing (``{"no label": 3}``). ``demo`` marks a corpus whose scores
    describe nothing but itself. ``parts`` is the official split, by document id, where the corpus has one; an
    id that is not in it belongs to no part. ``slices`` are named groups of documents that a task may score by
    themselves. ``decisions`` is what the reader decided by looking at the file, for people to check, and
    ``columns`` the names of its columns; ``hidden`` says of those that hold gold and are no fields how that
    shows, by their name in lower case. Like the counts they are no part of the fingerprint.
    """

    name: str
    documents: tuple[Document, ...]
    targets: Mapping[Task, Mapping[str, Target]] = field(default_factory=dict)
    remarks: Mapping[str, int] = field(default_factory=dict)
    source: str = ""
    demo: bool = False
    parts: Mapping[str, Part] = field(default_factory=dict)
    slices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    other_languages: tuple[OtherLanguage, ...] = ()
    decisions: tuple[Decision, ...] = ()
    columns: tuple[str, ...] = ()
    hidden: Mapping[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Everything that was counted, in words: ``{"skipped: no text": 2, "no label": 3}``."""
        left_out = {f"{LEFT_OUT}: {reason}": number for reason, number in self.left_out.items()}
        others = {other.words: other.documents for other in self.other_languages}
        return {**left_out, **self.remarks, **others}

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical content: documents and targets, in the order of their ids.

        ``parts`` are left out: how the same papers are divided is what ``Split.hash`` is about. So are
        ``slices``, which follow from the targets or are about reporting alone.
        """
        digest = hashlib.sha256(digest_of_documents(self.documents).encode())
        for task in sorted(self.targets):
            for id_ in sorted(self.targets[task]):
                digest.update(_canonical([task, id_, plain_target(self.targets[task][id_])]))
        return digest.hexdigest()

    def only(self, ids: Iterable[str]) -> Dataset:
        """The same dataset with the named documents alone, in the order of ``ids``."""
        by_id = {document.id: document for document in self.documents}
        kept = tuple(by_id[id_] for id_ in ids)
        names = {document.id for document in kept}
        targets = {
            task: {id_: target for id_, target in known.items() if id_ in names}
            for task, known in self.targets.items()
        }
        parts = {id_: part for id_, part in self.parts.items() if id_ in names}
        slices = {name: tuple(id_ for id_ in ids if id_ in names) for name, ids in self.slices.items()}
        return replace(self, documents=kept, targets=targets, parts=parts, slices=slices)


@dataclass(frozen=True)
class Split:
    """Document ids of the three parts of one fold, of ``of_folds`` in all."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    fold: int = 0
    of_folds: int = 1

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the three lists."""
        return hashlib.sha256(_canonical([self.train, self.validation, self.test])).hexdigest()

    def on_validation(self) -> Split:
        """The fold with the validation part in the place of the test part, whose documents nobody sees."""
        return Split(self.train, (), self.validation, self.fold, self.of_folds)

    def ids(self, part: Part) -> tuple[str, ...]:
        return {"train": self.train, "validation": self.validation, "test": self.test}[part]


def plain_target(target: Target) -> object:
    """A target as JSON-able values, for fingerprints and files."""
    if isinstance(target, StatedFacts):
        return {"facts": [list(astuple(fact)) for fact in target.facts], "label": target.label}
    return target


def target_from_plain(value: object) -> Target:
    """The inverse of ``plain_target``, from what JSON makes of it. Raises ValueError for other values."""
    if isinstance(value, dict):
        return StatedFacts(tuple(Fact(*fact) for fact in value["facts"]), value["label"])
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, str):
        return value
    raise ValueError(f"{value!r} is no target")


def digest_of_documents(documents: Sequence[Document]) -> str:
    """SHA-256 over the canonical content of documents, whatever their order."""
    digest = hashlib.sha256()
    for document in sorted(documents, key=lambda d: d.id):
        digest.update(_canonical(document.canonical()))
    return digest.hexdigest()


# Made once: json.dumps makes one for each value.
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _canonical(value: object) -> bytes:
    return _ENCODER.encode(value).encode() + b"\n"
