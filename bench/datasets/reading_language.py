"""The language of documents that name none: as said, as a file beside the data says, or as the texts look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from readbench.core.types import Decision, Document
from readbench.datasets.columns import TEXT_FIELDS
from readbench.datasets.language_guess import Guess, guessed
from readbench.datasets.options import ReadOptions
from readbench.text.languages import language_code

OPTION = "--language"

_NEAR = ({"nb", "nn", "no", "da"}, {"hr", "sr", "bs", "sl"}, {"cs", "sk"}, {"pt", "gl", "es", "ca"})
"""Languages that a model of bytes takes for each other."""


@dataclass(frozen=True, slots=True)
class Beside:
    """A language that a file beside the data names, and that file's name."""

    language: str
    file: str


def with_language(
    documents: Sequence[Document], options: ReadOptions, beside: Beside | None = None
) -> tuple[tuple[Document, ...], Decision]:
    """The documents, each with a language: its own, or that of all which name none ("" in ``documents``).

    That is what the options say, else the file beside the data, else what the texts look like, else English.
    """
    named = Counter(document.language for document in documents if document.language)
    told = "language" in options.model_fields_set
    said = options.language if told else beside.language if beside is not None else ""
    guess = guessed(documents, TEXT_FIELDS, language_code(said))
    if told:
        language, why = options.language, "as said"
    elif beside is not None:
        language, why = beside.language, f"as {beside.file} says"
    elif guess is not None and not named:
        language, why = guess.code, "as the texts look"
    else:
        language, why = options.language, "nobody says, and the texts are too few or too short to tell"
    most = language
    if not named:
        counted = (guess.seen, guess.of, "texts") if guess and why == "as the texts look" else (0, 0, "")
        decision = Decision("language", f"`{language}`, {why}", *counted, option=OPTION)
    else:
        shown = ", ".join(f"{name} ({count:,})" for name, count in named.most_common(3))
        decision = Decision("language", f"as each says: {shown};", named.total(), len(documents), "documents")
        if 2 * named.total() >= len(documents):
            most = named.most_common(1)[0][0]
    whole = tuple(
        document if document.language else replace(document, language=language) for document in documents
    )
    return whole, _doubted(decision, most, guess)


def _doubted(decision: Decision, language: str, guess: Guess | None) -> Decision:
    """The decision with a doubt where most texts look like another language."""
    code = language_code(language)
    if guess is None or guess.code == code or any({guess.code, code} <= near for near in _NEAR):
        return decision
    return replace(
        decision, doubt=f"{guess.seen:,} of {guess.of:,} texts that were looked at are {guess.code!r}"
    )
