"""Facts by a dictionary learned from the training part: cues, which are the words around the subjects and
objects of each predicate, and the objects themselves. It is made by counting, so it is deterministic."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from readbench.adapter import Adapter, BenchError
from readbench.adapter import Params as Base
from readbench.core.types import Dataset, Document, ExtractedFacts, Fact, StatedFacts, Task

TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+|\s+|.", re.DOTALL)
"""A Chinese character, a word or number, white space, or any other mark."""
EDGE = "\0"
"""What stands before the first and after the last token of a text."""
ANY_TYPE = "\0"
FILE = "dictionary.json"

Tokens = tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """What is looked for: the object of a predicate between two types, or, where ``predicate`` is empty,
    the subject of a type (or of ANY_TYPE)."""

    subject_type: str
    predicate: str = ""
    object_type: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """A line of the dictionary. A cue: the tokens right before and right after what fills the slot. A
    known word: ``word`` fills it wherever it stands."""

    slot: Slot
    before: Tokens = ()
    after: Tokens = ()
    word: Tokens = ()


@dataclass(frozen=True, slots=True)
class Mention:
    """An entry says that the tokens from ``start`` to before ``end`` fill its slot."""

    entry: Entry
    start: int
    end: int


class Dictionary:
    """Entries, each with its trust: the share of its mentions in the training part that were right."""

    def __init__(self, trust: Mapping[Entry, float], longest: int) -> None:
        self.trust = {entry: trust[entry] for entry in sorted(trust)}
        self.longest = longest
        self._cues: dict[Tokens, dict[Tokens, list[Entry]]] = defaultdict(dict)
        self._words: dict[Tokens, list[Entry]] = defaultdict(list)
        for entry in self.trust:
            if entry.word:
                self._words[entry.word].append(entry)
            else:
                self._cues[entry.before].setdefault(entry.after, []).append(entry)
        self._before_sizes = sorted({len(before) for before in self._cues})
        self._word_sizes = sorted({len(word) for word in self._words})

    def mentions(self, tokens: Tokens) -> Iterator[Mention]:
        """All that the entries find in a text, whose first and last token are EDGE."""
        for start in range(1, len(tokens) - 1):
            for size in self._before_sizes:
                endings = self._cues.get(tokens[start - size : start]) if size <= start else None
                if endings:
                    yield from self._ended(tokens, start, endings)
            for size in self._word_sizes:
                for entry in self._words.get(tokens[start : start + size], ()):
                    yield Mention(entry, start, start + size)

    def _ended(
        self, tokens: Tokens, start: int, endings: Mapping[Tokens, Sequence[Entry]]
    ) -> Iterator[Mention]:
        """The mentions that begin at ``start``: for each ending, the shortest one that it follows."""
        sizes = sorted({len(after) for after in endings})
        seen: set[Tokens] = set()
        for end in range(start + 1, min(start + self.longest, len(tokens) - 1) + 1):
            for size in sizes:
                after = tokens[end : end + size]
                if after in endings and after not in seen:
                    seen.add(after)
                    yield from (Mention(entry, start, end) for entry in endings[after])
            if len(seen) == len(endings):
                return


class DictionaryTriples(Adapter):
    """Learns for each slot which tokens stand before and after its mentions, and which words fill it. Keeps
    the entries that are right often enough in the training part. Takes the most trusted subject of each type
    (of any type, where that one has none), with every object of its predicates. It knows no labels: where a
    label is asked for it abstains."""

    name: ClassVar[str] = "dictionary-triples"
    tasks: ClassVar[frozenset[Task]] = frozenset({"extraction"})
    summary: ClassVar[str] = "facts by cue words and known objects of the training part; no labels"

    class Params(Base):
        before: int = Field(6, ge=1, description="tokens before a mention that make a cue, at most")
        after: int = Field(3, ge=1, description="tokens after it, at most")
        longest: int = Field(20, ge=1, description="tokens of a mention, at most")
        min_count: int = Field(2, ge=1, description="mentions of the training part that an entry must find")
        min_precision: float = Field(
            0.4, gt=0, le=1, description="share of an entry's mentions there that must be right"
        )

    params: Params

    def fit(self, train: Dataset, validation: Dataset) -> None:  # noqa: ARG002 - nothing is chosen
        known, params = train.targets.get("extraction", {}), self.params
        texts = [
            (self._tokens(document), _filled(target.facts))
            for document in train.documents
            if isinstance(target := known.get(document.id), StatedFacts)
        ]
        if not any(filled for _, filled in texts):
            raise BenchError(
                f"{self.name} learns from stated facts, and the training part has none",
                todo='give the suite a [split] of kind = "holdout", or "given" where the corpus has parts',
            )
        candidates = Counter(entry for text in texts for entry in self._entries(*text))
        often = dict.fromkeys((e for e, count in candidates.items() if count >= params.min_count), 0.0)
        tried, mentioned, right = Dictionary(often, params.longest), Counter[Entry](), Counter[Entry]()
        for done, (tokens, filled) in enumerate(texts, 1):
            for mention in tried.mentions(tokens):
                entry = mention.entry
                mentioned[entry] += 1
                right[entry] += tokens[mention.start : mention.end] in filled.get(entry.slot, ())
            self.context.progress(done, len(texts))
        trust = {entry: n / mentioned[entry] for entry, n in right.items() if n >= params.min_count}
        kept = {entry: share for entry, share in trust.items() if share >= params.min_precision}
        self.dictionary = Dictionary(kept, params.longest)
        words = sum(bool(entry.word) for entry in kept)
        self.context.note("dictionary", {"cues": len(kept) - words, "known words": words})

    def predict(self, chunk: Sequence[Document]) -> list[ExtractedFacts]:
        return [ExtractedFacts(self._facts(self._tokens(document))) for document in chunk]

    def save(self, folder: Path) -> None:
        rows = [[*astuple(entry), trust] for entry, trust in self.dictionary.trust.items()]
        text = json.dumps({"longest": self.dictionary.longest, "entries": rows}, ensure_ascii=False)
        (folder / FILE).write_text(text, encoding="utf-8")

    def restore(self, folder: Path) -> None:
        saved = json.loads((folder / FILE).read_text(encoding="utf-8"))
        trust = {
            Entry(Slot(*slot), tuple(before), tuple(after), tuple(word)): share
            for slot, before, after, word, share in saved["entries"]
        }
        self.dictionary = Dictionary(trust, saved["longest"])

    def _tokens(self, document: Document) -> Tokens:
        return (EDGE, *TOKEN.findall(self.context.task.text(document)), EDGE)

    def _entries(self, tokens: Tokens, filled: Mapping[Slot, set[Tokens]]) -> Iterator[Entry]:
        """Every cue and every word that would have found what fills the slots of one text."""
        params = self.params
        for slot, mentions in sorted(filled.items()):
            for word in sorted(mentions):
                for start in _places(tokens, word):
                    end = start + len(word)
                    if slot.predicate:
                        yield Entry(slot, word=word)
                    if len(word) > params.longest:
                        continue
                    for before in range(1, min(params.before, start) + 1):
                        for after in range(1, min(params.after, len(tokens) - end) + 1):
                            yield Entry(slot, tokens[start - before : start], tokens[end : end + after])

    def _facts(self, tokens: Tokens) -> tuple[Fact, ...]:
        trust, of_slot = self.dictionary.trust, defaultdict[Slot, list[Mention]](list)
        for mention in self.dictionary.mentions(tokens):
            of_slot[mention.entry.slot].append(mention)

        def order(mention: Mention) -> tuple[float, int, int]:
            return -trust[mention.entry], mention.start, -mention.end

        facts: list[Fact] = []
        for slot, mentions in sorted(of_slot.items()):
            subjects = of_slot.get(Slot(slot.subject_type)) or of_slot.get(Slot(ANY_TYPE))
            if not slot.predicate or not subjects:
                continue
            subject = _text(tokens, min(subjects, key=order))
            for mention in _apart(sorted(mentions, key=order)):
                named = _text(tokens, mention)
                if subject and named and named != subject:
                    facts.append(Fact(subject, slot.predicate, named, slot.subject_type, slot.object_type))
        return tuple(dict.fromkeys(facts))


def _filled(facts: Iterable[Fact]) -> dict[Slot, set[Tokens]]:
    """What fills each slot of a text."""
    filled: dict[Slot, set[Tokens]] = defaultdict(set)
    for fact in facts:
        for type_ in (fact.subject_type, ANY_TYPE):
            filled[Slot(type_)].add(tuple(TOKEN.findall(fact.subject)))
        slot = Slot(fact.subject_type, fact.predicate, fact.object_type)
        filled[slot].add(tuple(TOKEN.findall(fact.object)))
    return dict(filled)


def _places(tokens: Tokens, word: Tokens) -> Iterator[int]:
    for start in range(1, len(tokens) - len(word)):
        if tokens[start] == word[0] and tokens[start : start + len(word)] == word:
            yield start


def _apart(mentions: Iterable[Mention]) -> Iterator[Mention]:
    """Those that do not overlap an earlier one."""
    taken: set[int] = set()
    for mention in mentions:
        span = range(mention.start, mention.end)
        if taken.isdisjoint(span):
            taken.update(span)
            yield mention


def _text(tokens: Tokens, mention: Mention) -> str:
    return "".join(tokens[mention.start : mention.end]).strip()
