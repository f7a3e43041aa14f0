"""The gold keyphrases of a whole column: what its cells are, and the phrases in them."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

from readbench.core.errors import BenchError
from readbench.core.types import Decision, Keyphrases
from readbench.datasets.label_values import MISSING
from readbench.datasets.phrase_marks import without_marks
from readbench.datasets.separators import list_in_cell, separator_of
from readbench.datasets.values import listed_phrases, split_phrases

OPTION = "--keyword-separator"

NO_PHRASES = MISSING | frozenset(
    {
        *("no keywords", "no keyword", "no keyphrases", "[no keywords]", "[no author keywords available]"),
        *("no keywords available", "not specified", "-", "--", "–", "—"),
    }
)
"""What stands in the place of keyphrases where there are none, in lower case."""

FEWEST_SINGLE = 5
MOSTLY = 0.8
"""Of so many lists or more, each of one text, this share must be parted for that text to be a whole list."""

_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#[0-9]{1,6}|#[xX][0-9A-Fa-f]{1,5});")

Cells = Mapping[str, "str | tuple[str, ...]"]


def phrases_of(
    cells: Cells, given: str | None, column: str, where: str
) -> tuple[dict[str, Keyphrases], list[Decision]]:
    """The phrases of each document and what was decided about their column. A cell is a text that is split,
    or a list; lists of one text each, which a separator parts, are texts. ``given`` is the separator that the
    user names.

    Raises BenchError where the cells contradict each other so that no separator can be right.
    """
    texts = {id_: _without_entities(text) for id_, cell in cells.items() if (text := _text(cell)) is not None}
    lists = {id_: cell for id_, cell in cells.items() if isinstance(cell, tuple) and cell}
    if not texts and lists and max(map(len, lists.values())) == 1:
        single = {id_: cell[0] for id_, cell in lists.items()}
        apart = separator_of(list(single.values()), given)
        if apart.certain and apart.of >= FEWEST_SINGLE and apart.seen >= MOSTLY * apart.of:
            texts, lists = single, {}
    decisions: list[Decision] = []
    if given is None:
        texts, decisions = without_marks(texts)
    apart = separator_of(list(texts.values()), given)
    if not apart.certain:
        raise BenchError(
            f"what separates the keyphrases of the column {column} cannot be told: {apart.doubt}",
            where=where,
            todo=f"say it: {OPTION} ';' (or keyphrase_separator = \";\" in the suite's [dataset])",
        )
    listed = apart.name.startswith("lists")
    found = {id_: listed_phrases(cell) for id_, cell in lists.items()}
    for id_, text in texts.items():
        pieces = apart.split(text)
        found[id_] = listed_phrases(pieces) if listed else split_phrases(pieces)
    if lists and not apart.of:
        decision = Decision("keyphrases", f"column {column}, lists", len(lists), len(lists), "cells")
    elif not apart.seen and given is None:
        chosen = f"column {column}, one phrase a cell and no separator"
        decision = Decision("keyphrases", chosen, apart.of, apart.of, "cells", apart.doubt, OPTION)
    else:
        how = apart.name if listed else f"separated by {apart.name}"
        decision = Decision(
            "keyphrases", f"column {column}, {how}", apart.seen, apart.of, "cells", apart.doubt, OPTION
        )
    return {id_: found.get(id_, ()) for id_ in cells}, [*decisions, decision]


def _without_entities(text: str) -> str:
    """The text without entities of HTML, the semicolons of which separate nothing ("R&amp;D")."""
    return _ENTITY.sub(lambda match: html.unescape(match[0]), text) if "&" in text else text


def _text(cell: str | tuple[str, ...]) -> str | None:
    """The text of a cell that is to be split; None for a list, and for what says that there is nothing."""
    if isinstance(cell, tuple) or not cell.strip() or cell.strip().lower() in NO_PHRASES:
        return None
    if list_in_cell(cell) == ():
        return None
    return cell
