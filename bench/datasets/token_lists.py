"""Rows whose text is a list of tokens and whose gold is in two columns, as the midas sets of the
Hugging Face hub have them (``document``, ``extractive_keyphrases``, ``abstractive_keyphrases``)."""

from __future__ import annotations

from collections.abc import Mapping

from readbench.core.errors import BenchError

_GOLD = ("extractive_keyphrases", "abstractive_keyphrases")


def unfolded(row: Mapping[str, object], where: str) -> Mapping[str, object]:
    """The row with a ``text``, the tokens joined by single spaces, and ``keyphrases``, the extractive
    ones before the abstractive ones; any other row as it is.

    Raises BenchError for tokens that are no strings.
    """
    tokens = row.get("document")
    if not isinstance(tokens, list) or not any(name in row for name in _GOLD):
        return row
    if not all(isinstance(token, str) for token in tokens):
        raise BenchError(
            "the document is a list of other things than strings", where=where, todo="give a list of tokens"
        )
    added: dict[str, object] = {"text": " ".join(tokens)}
    gold = [row[name] for name in _GOLD if isinstance(row.get(name), list)]
    added["keyphrases"] = [phrase for phrases in gold if isinstance(phrases, list) for phrase in phrases]
    return {**added, **row}
