"""The language that texts look like, by py3langid's model of bytes (no network, 5 MB, BSD)."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from readbench.core.errors import Note
from readbench.core.seeds import seeded_order
from readbench.core.types import Document
from readbench.text.languages import KNOWN, language_code

SAMPLE = 100
"""Texts that are looked at: 15 ms."""

CHARACTERS = 1500
"""Of each text, so many from its beginning."""

FEWEST_LETTERS = 60
"""A shorter text says too little: titles of names and formulas look like any language."""

FEWEST_CJK = 15
"""Of Chinese, Japanese and Korean, a character of which says as much as a word."""

SURE = 0.9
"""The least probability, among the languages of ``KNOWN``, for a text to count as one of that language."""

AGREED = 0.8
"""The least share of the sampled texts that must be of one language for it to be named."""


_ENGLISH = frozenset(
    (
        *(
            "the",
            "and",
            "of",
            "to",
            "with",
            "for",
            "that",
            "are",
            "from",
            "this",
            "by",
            "was",
            "were",
            "which",
        ),
        *("we", "on", "as", "an", "be", "is", "in", "a", "at", "it"),
    )
)


@dataclass(frozen=True, slots=True)
class Guess:
    """The language of most sampled texts, by its code: ``seen`` of the ``of`` that say enough are in it."""

    code: str
    seen: int
    of: int


def guessed(documents: Sequence[Document], fields: Iterable[str], said: str = "") -> Guess | None:
    """The language that the texts of these documents are in; None where they are too short to tell, or not
    of one language. Where English is ``said`` and enough texts plainly are, only these are counted: the
    model, which takes half a second to load, could add no doubt."""
    names = tuple(fields)
    ids = set(seeded_order([document.id for document in documents], "language")[:SAMPLE])
    texts = [
        " ".join(document.fields.get(name, "") for name in names)[:CHARACTERS]
        for document in documents
        if document.id in ids
    ]
    telling = [text for text in texts if _tells(text)]
    if 2 * len(telling) < len(texts) or not telling:
        return None
    if said == "en" and (plain := sum(map(_plainly_english, telling))) >= AGREED * len(telling):
        return Guess(said, plain, len(telling))
    try:
        codes = Counter(_code(text) for text in telling)
    except OSError as error:  # the model is unpacked into a temporary file, and a disk may be full
        why = f"the language of the texts was not looked at: {error.strerror or error}"
        warnings.warn(why, Note, stacklevel=2)
        return None
    code, seen = codes.most_common(1)[0]
    return Guess(code, seen, len(telling)) if code and seen >= AGREED * len(telling) else None


def _tells(text: str) -> bool:
    letters = sum(map(str.isalpha, text))
    wide = sum("\u3040" <= mark <= "\u9fff" or "\uac00" <= mark <= "\ud7a3" for mark in text)
    return letters >= FEWEST_LETTERS or wide >= FEWEST_CJK


def _code(text: str) -> str:
    """The code of a text's language, "" where the model is not sure."""
    if _plainly_english(text):
        return "en"  # without the half second that loading the model takes
    # A text in capitals looks like another language to a model of bytes.
    code, probability = _identifier().classify(text.lower() if text.isupper() else text)
    return language_code(str(code)) if probability >= SURE else ""


def _plainly_english(text: str) -> bool:
    """Whether a text has so many function words of English as no text of another language has."""
    words = text.lower().split()
    counts = Counter(word for word in words if word in _ENGLISH)
    return counts.total() >= 0.15 * len(words) and counts["the"] + counts["and"] >= 0.04 * len(words)


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(sorted(set(KNOWN) & set(identifier.nb_classes)))
    return identifier
