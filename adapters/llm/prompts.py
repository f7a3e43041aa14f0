"""What a language model is asked: prompts with named fields, papers cut to fit, and examples from the
training part."""

from __future__ import annotations

import random
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from string import Formatter

from readbench.adapter import BenchError
from readbench.core.types import Document, Target
from readbench_adapters.llm.formats import LABELS
from readbench_adapters.llm.tokenizer import ChatTokenizer
from readbench_adapters.training.document_count import DocumentCount

CUT_FIRST = "abstract"
LONGEST_TOKEN = 40
"""Characters of a token at most: a text longer than the room times this is cut before its tokens are
counted."""
UNIT = re.compile(r"[^\s\u2e80-\u9fff\uf900-\ufaff]{1,20}\s*|[\u2e80-\u9fff\uf900-\ufaff]\s*|\s+")
"""Where a text may be cut: after a word, a Chinese character, or twenty characters of a longer word."""
WASTE = 8
"""Tokens that a cut between words may leave unused. Where it leaves more (emoji, a script without blanks, a
long word), the text is cut between characters."""
JOINER = "\u200d"
"""Joins emoji to one."""
HAN = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff]")
CUE, CHINESE_CUE = "\nAnswer: ", "\n答案："
"""Between a prompt that ends in the paper and its answer, for a model that has no chat format: it would take
the label for the end of the abstract."""


@dataclass(frozen=True)
class Template:
    """A prompt with named fields, ``{title}``; a brace of the text itself is doubled. ``between``: what
    stands between the prompt of an example and its answer."""

    pieces: tuple[tuple[str, str | None], ...]
    between: str = "\n"

    @classmethod
    def read(cls, text: str, allowed: Sequence[str]) -> Template:
        """Raises BenchError for a field that the task does not name, or braces that do not match."""
        try:
            parsed = list(Formatter().parse(text))
        except ValueError as error:
            raise BenchError(f"{error}", where=f"prompt {text!r}", todo="write {{ for a brace") from None
        for _, name, spec, conversion in parsed:
            if name is not None and (name not in allowed or spec or conversion):
                raise BenchError(
                    f"there is no field {{{name}}}",
                    where=f"prompt {text!r}",
                    todo=f"it may name: {', '.join(allowed)}",
                )
        return cls(tuple((literal, name) for literal, name, _, _ in parsed))

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for _, name in self.pieces if name is not None))

    def with_cue(self) -> Template:
        """The same prompt; one that ends in a field gets a cue for the answer, in its own language."""
        pieces = list(self.pieces)
        if pieces and pieces[-1][1] is None and not pieces[-1][0].strip():
            pieces.pop()
        if not pieces or pieces[-1][1] is None:
            return self
        chinese = HAN.search("".join(literal for literal, _ in pieces))
        return Template((*pieces, (CHINESE_CUE if chinese else CUE, None)), between="")

    def fill(self, values: Mapping[str, str]) -> str:
        return "".join(literal + values.get(name or "", "") for literal, name in self.pieces)


@dataclass
class Cuts:
    """How many documents were cut, by part of the split."""

    by_part: dict[str, DocumentCount] = field(default_factory=lambda: defaultdict(DocumentCount))

    def add(self, part: str, id_: str) -> None:
        self.by_part[part].add(id_)

    def described(self) -> dict[str, int]:
        return {part: counted.documents for part, counted in self.by_part.items()}


@dataclass(frozen=True)
class Shot:
    """One solved example of a prompt: its text, cut already, and the answer."""

    id: str
    text: str
    answer: str


class Prompter:
    """Makes prompts of at most ``room`` tokens. A longer one is cut in the abstract; where that does not
    suffice, in the other fields, the last first; never in the instruction. ``choices`` are the labels that
    ``{labels}`` stands for.

    Raises BenchError where the instruction alone has no room.
    """

    def __init__(
        self, template: Template, tokenizer: ChatTokenizer, choices: Sequence[str], room: int
    ) -> None:
        self.template, self.tokenizer, self.room = template, tokenizer, room
        self.shots: tuple[Shot, ...] = ()
        self.cuts = Cuts()
        self._fixed = {LABELS: ", ".join(choices)}
        fields = [name for name in template.fields if name != LABELS]
        self._cut_order = [name for name in fields if name == CUT_FIRST]
        self._cut_order += [name for name in reversed(fields) if name != CUT_FIRST]

    def ids(self, document: Document, part: str) -> list[int]:
        """The ids of one user's turn; notes under ``part`` where the document had to be cut."""
        return self.tokenizer.chat(self.text(document, part))

    def text(self, document: Document, part: str) -> str:
        """One user's turn in words, examples and all; notes under ``part`` as ``ids`` does."""
        between = self.template.between
        before = "".join(f"{shot.text}{between}{shot.answer}\n\n" for shot in self.shots)
        values, cut = self._fitting(document, lambda text: self.tokenizer.chat(before + text), self.room)
        if cut:
            self.cuts.add(part, document.id)
        return before + self.template.fill(values)

    def show(self, documents: Sequence[tuple[Document, str]]) -> None:
        """Puts these documents and their answers as examples before every later prompt. Each may take an
        equal share of the room, and so may the document that is asked about."""
        share = self.room // (len(documents) + 1)
        shots = []
        for document, answer in documents:
            rest = share - len(self.tokenizer.encode(f"{self.template.between}{answer}\n\n"))
            values, cut = self._fitting(document, self.tokenizer.encode, rest)
            if cut:
                self.cuts.add("shots", document.id)
            shots.append(Shot(document.id, self.template.fill(values), answer))
        self.shots = tuple(shots)

    def _fitting(
        self, document: Document, encode: Callable[[str], list[int]], room: int
    ) -> tuple[dict[str, str], bool]:
        """The values of the fields with which the prompt fits, and whether any had to be cut."""
        values = {name: document.fields.get(name, "").strip() for name in self.template.fields}
        values |= self._fixed
        texts = [values[name] for name in self._cut_order]
        values |= {name: values[name][: room * LONGEST_TOKEN] for name in self._cut_order}

        def taken(name: str, text: str) -> int:
            return len(encode(self.template.fill(values | {name: text})))

        for name in self._cut_order:
            text = values[name]
            if taken(name, text) <= room:
                break
            values[name] = _longest_beginning(text, partial(taken, name), room)
        if len(encode(self.template.fill(values))) > room:
            raise BenchError(
                f"the prompt takes more than {room} tokens without a word of the paper",
                todo="raise max_tokens, or give fewer shots or a shorter prompt",
            )
        return values, [values[name] for name in self._cut_order] != texts


def _longest_beginning(text: str, taken: Callable[[str], int], room: int) -> str:
    """The longest beginning of whole words that takes at most ``room`` tokens; empty where none does. Where
    words leave much of the room unused, the longest beginning of whole characters."""
    ends = [0, *(match.end() for match in UNIT.finditer(text))]
    words = _last_that_fits(text, ends, taken, room)
    begun = text[: ends[words]].rstrip()
    if words + 1 == len(ends) or room - taken(begun) <= WASTE:
        return begun
    within = [ends[words], *_between_characters(text, ends[words], ends[words + 1])]
    further = text[: within[_last_that_fits(text, within, taken, room)]].rstrip()
    return further if taken(further) - taken(begun) > WASTE else begun


def _last_that_fits(text: str, ends: Sequence[int], taken: Callable[[str], int], room: int) -> int:
    """The index of the last of some ends of a text with which it fits, by bisection; 0 where none does."""
    low, high = 0, len(ends) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if taken(text[: ends[middle]].rstrip()) <= room:
            low = middle
        else:
            high = middle - 1
    return low


def _between_characters(text: str, start: int, end: int) -> list[int]:
    """Places within a text where no accent, no variant and no joined emoji is torn off."""
    return [
        place
        for place in range(start + 1, end)
        if unicodedata.category(text[place]) not in ("Mn", "Me", "Mc", "Sk")
        and JOINER not in text[place - 1 : place + 1]
    ]


def choose_shots(
    documents: Sequence[Document], targets: Mapping[str, Target], count: int, seed: int
) -> list[Document]:
    """``count`` documents to be shown as examples: seeded, one of every label in turn while there are any
    left, in an order that says nothing about the labels.

    Raises BenchError where the training part has too few.
    """
    if count > len(documents):
        raise BenchError(
            f"shots={count}, and the training part has {len(documents)} documents",
            todo="give fewer, or a [split] with a training part",
        )
    generator = random.Random(f"shots:{seed}")
    by_label: dict[Target, list[Document]] = defaultdict(list)
    for document in sorted(documents, key=lambda document: document.id):
        by_label[targets[document.id]].append(document)
    for members in by_label.values():
        generator.shuffle(members)
    queues = [by_label[label] for label in sorted(by_label, key=str)]
    generator.shuffle(queues)
    chosen: list[Document] = []
    while len(chosen) < count:
        for queue in queues:
            if queue and len(chosen) < count:
                chosen.append(queue.pop())
    generator.shuffle(chosen)
    return chosen
