"""Columns that hold the gold under another name: found by what is in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from readbench.core.types import Decision, Document
from readbench.datasets.separators import Separator, separator_of
from readbench.text.normalise import key

HOLDS_GOLD = 0.2
"""A list that has this share of the gold phrases among its items is a list of gold. Journals, areas and
places are a gold phrase of their paper now and then, far more seldom."""

MADE_OF_GOLD = 0.5
"""So is one of whose items this share are gold phrases of their document."""

FEWEST = 3
"""Documents, and documents of each class, from which it is no accident."""

ITEM_WORDS = 6
"""Items of more words on average are sentences, not a list of phrases."""

MOST_VALUES = 50

ALWAYS_FIELDS = frozenset({"title", "abstract", "text", "authors"})


def gold_fields(
    documents: Sequence[Document], phrases: Mapping[str, Sequence[str]], labels: Mapping[str, str]
) -> dict[str, Decision]:
    """The fields that are gold by what they hold, each with what shows it. The text of a paper and its
    authors never are: that they hold gold is what methods live on."""
    names = dict.fromkeys(name for document in documents for name in document.fields)
    found: dict[str, Decision] = {}
    for name in names:
        if name in ALWAYS_FIELDS:
            continue
        decision = _phrases_in(name, documents, phrases) or _labels_in(name, documents, labels)
        if decision:
            found[name] = decision
    return found


def shared_items(
    name: str, documents: Sequence[Document], phrases: Mapping[str, Sequence[str]]
) -> tuple[int, int, int, int]:
    """How many documents have a gold phrase among the items of a field; how many gold phrases are items, of
    how many; and how many items there are. All 0 where the field is no list of phrases."""
    cells = [document.fields.get(name, "") for document in documents]
    apart = separator_of(cells)
    if _words_an_item(cells, apart) > ITEM_WORDS:
        return 0, 0, 0, 0
    those = hits = gold = items = 0
    for document in documents:
        wanted = {k for phrase in phrases.get(document.id, ()) if (k := key(phrase, document.language))}
        if not wanted:
            continue
        there = {
            k
            for item in apart.split(document.fields.get(name, ""))
            if (k := key(item.strip(), document.language))
        }
        both = len(wanted & there)
        those, hits, gold, items = those + bool(both), hits + both, gold + len(wanted), items + len(there)
    return those, hits, gold, items


def _phrases_in(
    name: str, documents: Sequence[Document], phrases: Mapping[str, Sequence[str]]
) -> Decision | None:
    those, hits, gold, items = shared_items(name, documents, phrases)
    if those < FEWEST or (hits < HOLDS_GOLD * gold and hits < MADE_OF_GOLD * items):
        return None
    chosen = f"`{name}` is a list of keyphrases, and no field: it holds the gold ones"
    return Decision("hidden", chosen, hits, gold, "gold phrases")


def _labels_in(name: str, documents: Sequence[Document], labels: Mapping[str, str]) -> Decision | None:
    pairs = Counter(
        (value, labels[document.id])
        for document in documents
        if labels.get(document.id) and (value := document.fields.get(name, "").strip())
    )
    values, classes = {value for value, _ in pairs}, {label for _, label in pairs}
    labelled = sum(bool(label) for label in labels.values())
    one_to_one = 1 < len(values) == len(classes) == len(pairs) <= MOST_VALUES
    if not one_to_one or min(pairs.values()) < FEWEST or pairs.total() < 0.9 * labelled:
        return None
    chosen = f"`{name}` is the label under other names ({len(values)} values), and no field"
    return Decision("hidden", chosen, pairs.total(), labelled, "labelled documents")


def _words_an_item(cells: Sequence[str], apart: Separator) -> float:
    items = [item for cell in cells for item in apart.split(cell) if item.strip()]
    return sum(len(item.split()) for item in items) / max(len(items), 1)
