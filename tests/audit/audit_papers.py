"""Made-up papers whose text tells the label, and whose authors may tell it without being read."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from pathlib import Path

from readbench.core.types import Dataset, Document

MEDICAL = ("patient", "dose", "clinic", "blood", "trial", "symptom", "nurse", "heart")
# As long as those above: length must not tell.
OTHER = ("pricing", "bank", "market", "trade", "price", "economy", "taxes", "funds")
COMMON = tuple(f"word{i}" for i in range(120))

Separator = Callable[[random.Random, str], str]
Papers = Callable[..., Dataset]


def by_label(rng: random.Random, label: str) -> str:
    """The planted shortcut: right in 98 of 100."""
    return ";" if (label == "1") == (rng.random() < 0.98) else ","


def by_chance(rng: random.Random, label: str) -> str:  # noqa: ARG001
    return rng.choice([";", ",", " / ", " and "])


def made_up(seed: int, n: int = 240, separator: Separator = by_chance) -> Dataset:
    """A dataset of ``n`` labelled papers; a word of the label's own tells it now and then."""
    rng = random.Random(seed)
    documents, labels = [], {}
    for i in range(n):
        label = rng.choice("01")
        own = MEDICAL if label == "1" else OTHER
        words = [rng.choice(own) if rng.random() < 0.06 else rng.choice(COMMON) for _ in range(40)]
        marks = [word + rng.choice(["", "", "", ",", ";", " (3 %)", "."]) for word in words]
        names = [f"{rng.choice('ABCDEFGH')} {rng.choice(COMMON)}" for _ in range(rng.randint(2, 5))]
        fields = {
            "title": " ".join(rng.choices(COMMON, k=6)),
            "abstract": " ".join(marks),
            "authors": separator(rng, label).join(names),
        }
        documents.append(Document(f"p{i:03}", fields))
        labels[f"p{i:03}"] = label
    return Dataset("made up", tuple(documents), {"classification": labels})


def write(dataset: Dataset, folder: Path) -> tuple[Path, Path]:
    """The papers as one CSV and their labels as another."""
    papers, labels = folder / "papers.csv", folder / "labels.csv"
    with papers.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["uuid", "title", "author", "abstract"])
        rows.writerows(
            [d.id, d.fields["title"], d.fields["authors"], d.fields["abstract"]] for d in dataset.documents
        )
    with labels.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("uuid", "label"), *dataset.targets["classification"].items()])
    return papers, labels
