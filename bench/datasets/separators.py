"""What separates the phrases within the cells of a column: chosen from the whole column, never from one cell.

A cell may also be a list that some program wrote into it (JSON, Python, an array of NumPy or Postgres).
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from unicodedata import category

from readbench.datasets.values import PHRASE_NAMES, named_phrase

STRONG = ("\n", "\t", ";", "；", "؛", "|", "¦", "‖", "•", "·", "∙")
"""Separators that hardly occur within a phrase; ``;`` first of those that are equally frequent."""

WEAK = (
    ",",
    "，",
    "、",
    " / ",
    " - ",
    " – ",
    " — ",
    "/",
    "*",
    "#",
    "::",
    "$",
    "&",
    "--",
    "–",
    "—",
    ". ",
    "  ",
)
"""Separators that phrases may hold too: taken where no strong one separates."""

DEFAULT = ";"

_TWINS = {";": "；", "；": ";", ",": "，", "，": ","}
"""The same mark in another width: Chinese files mix the two."""

_HALF = 0.5
FEW = 0.1
"""A separator in a smaller share of the cells is part of a phrase there ("health, public")."""

MIXED = 0.25
"""From this share of cells on that another separator parts, no one separator can be right."""

RARE = 0.8
FEWEST_RARE = 5
"""An unusual separator must be in this share of the cells, and of so many of them."""

LONG_PHRASE = 8
"""A cell of that many words on average is no phrase: nearly all gold phrases of Inspec have five or fewer."""

_STRING = r"""[uUbB]?(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
# White space is taken in one way alone: with two, a text that does not match takes exponential time.
_STRINGS = re.compile(rf"\s*{_STRING}(?:(?:\s*,\s*|\s+){_STRING})*\s*(?:,\s*)?", re.S)
_ONE_STRING = re.compile(_STRING, re.S)
_QUOTED = re.compile("(?s)^(?:\"[^\"]*\"|'[^']*'|“[^”]*”|«[^»]*»|„[^“”]*[“”])$")
_TAGS = re.compile(r"\s*(?:<[^<>]+>\s*)+")
_WITHIN = frozenset("-‐‑'’‘\"“”„«»()[]{}<.:_+%°&@=!?")
"""Marks that stand within phrases."""
_BRACKETS = {"[": "]", "(": ")", "{": "}"}

Split = Callable[[str], list[str]]


@dataclass(frozen=True, slots=True)
class Separator:
    """How the cells of a column are split, how many of the ``of`` filled cells say so, and what speaks
    against it. ``certain`` is False where no choice can be right."""

    name: str
    split: Split
    seen: int
    of: int
    doubt: str = ""
    certain: bool = True


def separator_of(cells: Sequence[str], given: str | None = None) -> Separator:
    """What separates the phrases of these cells; ``given`` is what the user says it is, which holds.

    Blank cells do not count. Without any separator in any cell each is one phrase.
    """
    filled = [cell.strip() for cell in cells if cell.strip()]
    # A tab or a line end at the end of a cell separates nothing.
    if given is not None:
        return _given(filled, given)
    listed = [cell for cell in filled if list_in_cell(cell) is not None]
    if filled and 2 * len(listed) > len(filled):
        return _of_lists(filled, len(listed))
    objects = sum(_holds_objects(cell) for cell in filled if list_in_cell(cell) is None)
    if objects > MIXED * len(filled):
        doubt = f"{objects:,} cells hold objects, and none of their names is {', '.join(PHRASE_NAMES)}"
        return Separator("objects", _splitter(DEFAULT), objects, len(filled), doubt, certain=False)
    if filled and all(_TAGS.fullmatch(cell) for cell in filled):
        return Separator("<tags>", _split_tags, len(filled), len(filled))
    if len(filled) > 1 and all(_wrapped(cell) for cell in filled):
        inner = separator_of([cell[1:-1] for cell in filled])
        return Separator(
            f"brackets and {inner.name}",
            lambda cell: inner.split(cell.strip()[1:-1]) if _wrapped(cell.strip()) else inner.split(cell),
            inner.seen,
            inner.of,
            inner.doubt,
            inner.certain,
        )
    return _of_text(filled)


@lru_cache(maxsize=4096)
def list_in_cell(cell: str) -> tuple[str, ...] | None:
    """The phrases of a list written into a cell, as JSON, Python, NumPy or R write one; None for any other
    text. A list in it is a phrase by its words."""
    text = cell.strip()
    if text.startswith('"[') and text.endswith(']"'):  # JSON that was written as JSON once more
        try:
            text = str(json.loads(text)).strip()
        except ValueError:
            return None
    if text.startswith("c(") and text.endswith(")"):
        text = text[1:]
    if len(text) < 2 or _BRACKETS.get(text[0]) != text[-1]:
        return None
    try:
        return _phrases(json.loads(text))
    except (ValueError, RecursionError):
        pass
    if _STRINGS.fullmatch(text[1:-1]):
        # Not as a whole: strings without a comma between them, as NumPy writes them, would become one.
        try:
            found = [ast.literal_eval(match.lstrip("bB")) for match in _ONE_STRING.findall(text[1:-1])]
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
        return tuple(str(phrase) for phrase in found)
    if not text[1:-1].strip():
        return ()
    try:
        return _phrases(ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _phrases(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, list | tuple):  # a set has another order in every process
        return None
    found = []
    for item in value:
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, list | tuple) and item and all(isinstance(word, str) for word in item):
            found.append(" ".join(item))
        elif (phrase := named_phrase(item)) is not None:
            found.append(phrase)
        else:
            return None
    return tuple(found)


def _given(filled: Sequence[str], given: str) -> Separator:
    seen = sum(given in cell for cell in filled)
    best = _of_text(filled)
    doubt = ""
    if filled and not seen and best.seen * 2 > len(filled):
        doubt = f"as said, though it is in no cell and {best.name} is in {best.seen:,}"
    return Separator(spelled(given), lambda cell: cell.split(given), seen, len(filled), doubt)


def _of_lists(filled: Sequence[str], seen: int) -> Separator:
    others = [cell for cell in filled if list_in_cell(cell) is None]
    rest = _of_text(others)

    def split(cell: str) -> list[str]:
        found = list_in_cell(cell.strip())
        return list(found) if found is not None else rest.split(cell)

    return Separator("lists in the cells", split, seen, len(filled), rest.doubt, rest.certain)


def _of_text(filled: Sequence[str]) -> Separator:
    """The separator of plain cells."""
    n = len(filled)
    if not n:
        return Separator(spelled(DEFAULT), _splitter(DEFAULT), 0, 0)
    counts = {mark: sum(_parts(cell, mark) for cell in filled) for mark in (*STRONG, *WEAK)}
    strong = max(STRONG, key=lambda mark: (counts[mark], mark == DEFAULT))
    weak = max(WEAK[:3], key=lambda mark: counts[mark])
    if strong == "\n" and counts[weak] >= _HALF * n and _wraps(filled, weak):
        return _judged(filled, weak, counts)  # a list in wrapped lines
    enough = strong == DEFAULT or counts[strong] >= FEW * n
    if counts[strong] and (counts[strong] >= _HALF * n or (enough and counts[strong] >= counts[weak])):
        return _judged(filled, strong, counts)
    if counts[weak] >= _HALF * n:
        return _judged(filled, weak, counts)
    most = max(counts[strong], counts[weak])
    if most < FEW * n:
        # Phrases hold slashes, hyphens and full stops of their own: such a mark must be nearly everywhere.
        counts |= {mark: sum(_parts(cell, mark) for cell in filled) for mark in _other_marks(filled)}
        rare = max((mark for mark in counts if _is_unusual(mark)), key=lambda mark: counts[mark])
        if counts[rare] >= RARE * n and _several(filled, rare):
            if n >= FEWEST_RARE:
                return _judged(filled, rare, counts)
            few = f"{spelled(rare)} is in {counts[rare]:,} of them, and these are few"
            return replace(_unseparated(filled, counts), doubt=few)
        return _unseparated(filled, counts)
    if counts[strong] >= FEW * n and counts[weak] >= FEW * n:
        return _refused(filled, strong, counts, f"{spelled(weak)} is in {counts[weak]:,}")
    return _some(filled, weak, counts)


def _some(filled: Sequence[str], weak: str, counts: dict[str, int]) -> Separator:
    """A weak separator in a part of the cells: lists of three and more are lists, pairs may be one phrase."""
    with_it = [cell for cell in filled if weak in cell]
    if 2 * sum(cell.count(weak) >= 2 for cell in with_it) >= len(with_it):
        return _judged(filled, weak, counts)
    return _refused(filled, weak, counts, "mostly once, as within one phrase")


def _judged(filled: Sequence[str], mark: str, counts: dict[str, int]) -> Separator:
    """A separator with the cells that it leaves whole though another parts them."""
    n, doubt, certain = len(filled), "", True
    twin = _TWINS.get(mark, "")
    marks = [mark, twin] if counts.get(twin) else [mark]
    others = [other for other in (*STRONG, *WEAK[:3]) if other not in marks and counts[other]]
    left = {other: sum(mark not in cell and cell.count(other) >= 2 for cell in filled) for other in others}
    other = max(left, key=lambda one: left[one], default="")
    if other and left[other]:
        doubt = f"{left[other]:,} cells hold several {spelled(other)} and no {spelled(mark)}"
        certain = left[other] < MIXED * n
    if certain and _is_unusual(mark) and not doubt:
        doubt = "an unusual separator"
    seen = sum(any(_parts(cell, one) for one in marks) for cell in filled)
    name = " and ".join(map(spelled, marks))
    return Separator(name, _splitter("".join(marks) if twin else mark, filled), seen, n, doubt, certain)


def _is_unusual(mark: str) -> bool:
    return mark not in STRONG and mark not in WEAK[:3]


def _other_marks(filled: Sequence[str]) -> list[str]:
    """Marks and symbols that hardly stand within a phrase and are in nearly every cell, whatever they are."""
    there = Counter(mark for cell in filled for mark in set(cell) if category(mark)[0] in "PS")
    known = {*STRONG, *WEAK, *_WITHIN}
    return [mark for mark, count in there.items() if count >= RARE * len(filled) and mark not in known]


def _holds_objects(cell: str) -> bool:
    """Whether a cell is an object, or a list with one, as JSON or Python write them."""
    if cell[:1] not in ("[", "{") or ":" not in cell:
        return False
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        try:
            value = ast.literal_eval(cell)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return False
    return isinstance(value, dict) or (
        isinstance(value, list | tuple) and any(isinstance(item, dict) for item in value)
    )


def _unseparated(filled: Sequence[str], counts: dict[str, int]) -> Separator:
    n = len(filled)
    words = _words_a_phrase(filled, "\0")
    if words >= LONG_PHRASE and n > 1:
        return _refused(filled, DEFAULT, counts, f"and a cell has {words:.0f} words on average")
    return Separator(spelled(DEFAULT), _splitter(DEFAULT), counts[DEFAULT], n)


def _refused(filled: Sequence[str], mark: str, counts: dict[str, int], why: str) -> Separator:
    doubt = f"{spelled(mark)} is in {counts[mark]:,} of {len(filled):,} cells, {why}"
    return Separator(spelled(mark), _splitter(mark), counts[mark], len(filled), doubt, certain=False)


def _parts(cell: str, mark: str) -> bool:
    """Whether a mark parts a cell into pieces that are both there."""
    return mark in cell and sum(bool(piece.strip()) for piece in cell.split(mark)) > 1


def _several(cells: Sequence[str], mark: str) -> bool:
    """Whether cells are too long for one phrase each, or hold a mark more often than one phrase does."""
    return _words_a_phrase(cells, "\0") > 2 or sum(cell.count(mark) for cell in cells) >= 1.5 * len(cells)


def _words_a_phrase(cells: Collection[str], mark: str) -> float:
    pieces = [piece for cell in cells for piece in cell.split(mark) if piece.strip()]
    return sum(len(piece.split()) for piece in pieces) / max(len(pieces), 1)


def _wraps(cells: Sequence[str], mark: str) -> bool:
    """Whether most lines of these cells hold a separator themselves: each is one list in wrapped lines."""
    lines = [line for cell in cells for line in cell.split("\n") if line.strip()]
    return 2 * sum(mark in line for line in lines) >= len(lines)


def _splitter(mark: str, filled: Sequence[str] = ()) -> Split:
    """Splits at a mark (or at one and its twin), and takes away the quotes around phrases where all phrases
    have them."""
    twins = len(mark) == 2 and _TWINS.get(mark[0]) == mark[1]

    def split(cell: str) -> list[str]:
        return (cell.replace(mark[1], mark[0]) if twins else cell).split(mark[0] if twins else mark)

    pieces = [piece.strip() for cell in filled for piece in split(cell) if piece.strip()]
    if pieces and all(_QUOTED.match(piece) for piece in pieces):
        return lambda cell: [_unquoted(piece.strip()) for piece in split(cell)]
    return split


def _unquoted(piece: str) -> str:
    return piece[1:-1] if _QUOTED.match(piece) else piece


def _split_tags(cell: str) -> list[str]:
    return re.findall(r"<([^<>]+)>", cell)


def _wrapped(cell: str) -> bool:
    close = _BRACKETS.get(cell[:1])
    return close is not None and len(cell) > 1 and cell.endswith(close) and close not in cell[1:-1]


def spelled(mark: str) -> str:
    """A separator as people see it."""
    names = {"\n": "line breaks", "\t": "tabs", "  ": "two blanks"}
    return names.get(mark, f"`{mark}`")
