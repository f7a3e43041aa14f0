"""Text as pieces of a SentencePiece model, in which nothing is a control token: a symbol that the model's
authors defined (``[gMASK]``, ``<sop>``, ``<n>``) and that a text spells out is cut in two."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

USER_DEFINED = 4
"""The type of a piece that is matched wherever a text spells it (sentencepiece_model.proto)."""
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""How the value of a field is written (Protocol Buffers, encoding)."""


class PlainPieces:
    """Encodes text with ``pieces``, the model in the file ``path``.

    ``spell`` is put upon each part of a text before it is encoded; the pieces named in ``spelt`` are those
    that it may bring in.
    """

    def __init__(
        self,
        path: Path,
        pieces: Any,
        spell: Callable[[str], str] = str,
        spelt: Callable[[str], bool] = str.isspace,
    ) -> None:
        self._pieces, self._spell = pieces, spell
        symbols = [symbol for symbol in user_symbols(path) if len(symbol) > 1 and not symbol.isspace()]
        self._spelled = any_of(symbols)
        # The longest, so that it and what follows are no other symbol.
        self._marker = max(symbols, key=len, default="")
        self._controls = {pieces.piece_to_id(symbol) for symbol in symbols if not spelt(symbol)}

    def ids(self, text: str) -> list[int]:
        """Ids of the pieces of a text."""
        ids = self._encode(text)
        if self._controls.isdisjoint(ids):
            return ids
        # The model turns full-width signs into plain ones before it looks for its symbols.
        return self._encode(unicodedata.normalize("NFKC", text))

    def _encode(self, text: str) -> list[int]:
        first, *others = broken_up(text, self._spelled)
        ids: list[int] = self._pieces.encode(self._spell(first))
        for part in others:
            # Behind a symbol, so that no blank is put before a part in the middle of a text.
            marked = self._pieces.encode(self._marker + self._spell(part))
            ids += marked[marked.index(self._pieces.piece_to_id(self._marker)) + 1 :]
        return ids


def broken_up(text: str, spelled: re.Pattern[str] | None) -> list[str]:
    """The parts of a text, cut after the first character of everything that ``spelled`` finds in it.

    >>> broken_up("a<sop>b<n>", re.compile("<sop>|<n>"))
    ['a<', 'sop>b<', 'n>']
    """
    parts, start = [], 0
    while spelled is not None and (found := spelled.search(text, start)):
        parts.append(text[start : found.start() + 1])
        start = found.start() + 1
    return [*parts, text[start:]]


def any_of(words: Iterable[str]) -> re.Pattern[str] | None:
    """Finds the longest of some words; None for no words."""
    longest_first = sorted(words, key=lambda word: (-len(word), word))
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def user_symbols(path: Path) -> list[str]:
    """The symbols that the authors of a SentencePiece model defined. Raises ValueError for another file."""
    found = []
    for number, piece in fields(path.read_bytes()):
        if number == 1 and isinstance(piece, bytes):
            described = dict(fields(piece))
            text = described.get(1)
            if described.get(3) == USER_DEFINED and isinstance(text, bytes):
                found.append(text.decode())
    return found


def fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Number and value of each field of a Protocol Buffers message. Raises ValueError where it breaks off."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == VARINT:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        if kind not in (FIXED64, BYTES, FIXED32):
            raise ValueError("no message of Protocol Buffers")
        size, at = _varint(message, at) if kind == BYTES else ({FIXED64: 8, FIXED32: 4}[kind], at)
        if at + size > len(message):
            raise ValueError("a message of Protocol Buffers that breaks off")
        yield tag >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message):
        byte = message[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at
    raise ValueError("a message of Protocol Buffers that breaks off")
