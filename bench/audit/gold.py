"""The gold of a dataset: class balance, what lacks it, keyphrases that a field gives away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from readbench.audit.values import Finding, KeyphraseGold, percent
from readbench.core.types import Dataset, Decision, Document
from readbench.datasets.given_away import ALWAYS_FIELDS, shared_items
from readbench.datasets.given_away import FEWEST as FEWEST_LISTS
from readbench.text.normalise import key, key_present

LOPSIDED = 0.9
"""From this share of the largest class on, accuracy says little."""

FEWEST = 5
"""A label of fewer documents is in no fold of five."""

LIST_LENGTH = 3
"""Two phrases follow each other in honest text now and then; three in the order of the gold hardly do."""

GIVEN_AWAY = 0.01
"""Named: a field in which the gold list stands in one piece in this share of the documents."""

MADE_OF_GOLD = 0.5
"""Named: a field of whose words at least this share is gold, while it holds this share of the gold."""

ITEMS_OF_GOLD = 0.1
"""Named: a field other than the text that is a list of short items, of which gold phrases of the document are
this share, or which hold this share of the gold. The reader hides such a field from a share of
``datasets.given_away.HOLDS_GOLD`` on."""

EXAMPLES = 5


def judge_filled(filled: Mapping[str, int], documents: int) -> list[Finding]:
    """A note for every field that some documents lack."""
    return [
        Finding("empty field", "note", f"`{name}` is empty in {documents - count:,} of {documents:,}", name)
        for name, count in sorted(filled.items())
        if count < documents
    ]


def judge_reading(decisions: Sequence[Decision]) -> list[Finding]:
    """A note for every decision of the reader that something speaks against, and for every hidden field."""
    return [
        Finding("reading", "note", f"read as {decision.sentence()}")
        for decision in decisions
        if decision.doubt or decision.about == "hidden"
    ]


def judge_labels(labels: Mapping[str, str], unlabelled: int) -> list[Finding]:
    sizes = Counter(labels.values())
    found = []
    if len(sizes) < 2:
        only = f"only the label {next(iter(sizes))}" if sizes else "no label"
        found.append(Finding("one class", "finding", f"there is {only}: nothing can be learned or told"))
    elif (share := max(sizes.values()) / sum(sizes.values())) >= LOPSIDED:
        label = max(sizes, key=lambda name: (sizes[name], name))
        text = f"always answering {label} is right in {percent(share)}: read macro F1 or MCC, not accuracy"
        found.append(Finding("class balance", "note", text))
    rare = {label: n for label, n in sorted(sizes.items()) if n < FEWEST}
    if rare and len(sizes) > 1:
        said = ", ".join(f"{label} ({n})" for label, n in list(rare.items())[:EXAMPLES])
        text = f"labels with fewer than {FEWEST} documents, which no fold of five can hold: {said}"
        found.append(Finding("rare label", "note", text))
    if unlabelled:
        text = f"documents without a label, which do not count: {unlabelled:,}"
        found.append(Finding("no label", "note", text))
    return found


def read_keyphrases(
    dataset: Dataset, gold: Mapping[str, tuple[str, ...]]
) -> tuple[KeyphraseGold, list[Finding]]:
    """Counts of the gold keyphrases, and what fields give away of them. Phrases are compared as the
    metrics do it: by their stems, so a phrase that is there twice can be found but once."""
    by_field: dict[str, _Field] = {}
    phrases = twice = without = 0
    for document in dataset.documents:
        keys = [k for phrase in gold.get(document.id, ()) if (k := key(phrase, document.language))]
        without += not keys
        phrases += len(keys)
        twice += len(keys) - len(set(keys))
        for name, text in document.fields.items() if keys else ():
            by_field.setdefault(name, _Field()).add(document, key(text, document.language), keys)
    known = KeyphraseGold(
        documents=len(dataset.documents),
        without=without,
        phrases=phrases,
        twice=twice,
        present={name: of.present / max(phrases, 1) for name, of in sorted(by_field.items())},
    )
    findings = [
        found
        for name, of in sorted(by_field.items())
        for found in of.judged(name) or _listed_gold(name, dataset, gold)
    ]
    if without == len(dataset.documents):
        findings.append(Finding("no gold", "finding", "no document has a gold keyphrase"))
    elif without:
        text = f"documents without a gold keyphrase, which do not count: {without:,}"
        findings.append(Finding("no keyphrases", "note", text))
    if twice:
        text = f"gold phrases that are in their list twice, stems compared, and count once: {twice:,}"
        findings.append(Finding("gold twice", "note", text))
    return known, findings


def _listed_gold(name: str, dataset: Dataset, gold: Mapping[str, tuple[str, ...]]) -> list[Finding]:
    """A finding for a field that is a list with gold phrases among its items."""
    if name in ALWAYS_FIELDS:
        return []
    those, hits, phrases, items = shared_items(name, dataset.documents, gold)
    if those < FEWEST_LISTS or max(hits / max(phrases, 1), hits / max(items, 1)) < ITEMS_OF_GOLD:
        return []
    text = (
        f"`{name}` is a list that gives gold away: {percent(hits / max(phrases, 1))} of the gold keyphrases "
        f"are among its items, in {those:,} documents"
    )
    return [Finding("gold in field", "finding", text, name)]


class _Field:
    """What one field holds of the gold, document by document."""

    def __init__(self) -> None:
        self.documents = self.present = self.phrases = self.words = self.gold_words = self.lists = 0
        self.asked = 0
        self.examples: list[str] = []

    def add(self, document: Document, text: str, keys: Sequence[str]) -> None:
        self.documents += 1
        here = [phrase for phrase in keys if key_present(phrase, text)]
        self.present += len(here)
        self.phrases += len(keys)
        tokens = text.split()
        gold = {token for phrase in here for token in phrase.split()}
        self.words += len(tokens)
        self.gold_words += sum(token in gold for token in tokens)
        if len(keys) >= LIST_LENGTH:
            self.asked += 1
            if key_present(" ".join(keys), text):
                self.lists += 1
                self.examples.append(document.id)

    def judged(self, name: str) -> list[Finding]:
        ids = tuple(self.examples[:EXAMPLES])
        if self.asked and self.lists / self.asked >= GIVEN_AWAY:
            text = (
                f"`{name}` holds the whole list of gold keyphrases, in one piece, in {self.lists:,} of "
                f"{self.asked:,} documents with {LIST_LENGTH} or more"
            )
            return [Finding("gold in field", "finding", text, name, ids)]
        of_gold, of_words = self.present / max(self.phrases, 1), self.gold_words / max(self.words, 1)
        if min(of_gold, of_words) >= MADE_OF_GOLD:
            text = (
                f"`{name}` is made of gold: it holds {percent(of_gold)} of the gold keyphrases, "
                f"and {percent(of_words)} of its words are theirs"
            )
            return [Finding("gold in field", "finding", text, name, ids)]
        return []
