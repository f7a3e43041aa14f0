"""What a language model is asked: prompts with named fields, papers cut to fit, and examples from the
training part."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Template:
    """A prompt with named fields, ``{title}``; a brace of the text itself is doubled."""

    pieces: tuple[tuple[str, str | None], ...]

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
        before = "".join(f"{shot.text}\n{shot.answer}\n\n" for shot in self.shots)
        values, cut = self._fitting(document, lambda text: self.tokenizer.chat(before + text), self.room)
        if cut:
            self.cuts.add(part, document.id)
        return self.tokenizer.chat(before + self.template.fill(values))

    def show(self, documents: Sequence[tuple[Document, str]]) -> None:
        """Puts these documents and their answers as examples before every later prompt. Each may take an
        equal share of the room, and so may the document that is asked about."""
        share = self.room // (len(documents) + 1)
        shots = []
        for document, answer in documents:
            rest = share - len(self.tokenizer.encode(f"\n{answer}\n\n"))
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

        def fits(name: str, text: str) -> bool:
            return len(encode(self.template.fill(values | {name: text}))) <= room

        for name in self._cut_order:
            text = values[name]
            if fits(name, text):
                break
            values[name] = _longest_beginning(text, lambda begun, name=name: fits(name, begun))  # type: ignore[misc]
        if len(encode(self.template.fill(values))) > room:
            raise BenchError(
                f"the prompt takes more than {room} tokens without a word of the paper",
                todo="raise max_tokens, or give fewer shots or a shorter prompt",
            )
        return values, [values[name] for name in self._cut_order] != texts


def _longest_beginning(text: str, fits: Callable[[str], bool]) -> str:
    """The longest beginning of whole words that fits, by bisection; empty where none does."""
    ends = [0, *(match.end() for match in UNIT.finditer(text))]
    low, high = 0, len(ends) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if fits(text[: ends[middle]].rstrip()):
            low = middle
        else:
            high = middle - 1
    return text[: ends[low]].rstrip()


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
