"""Regular expressions that take seconds to compile, compiled where somebody uses them.

spaCy's exceptions of French are one expression that takes half of what importing pke does, and pke imports
every language. A fork server whose cells read other texts has no use for it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

LATE = {"spacy.lang.fr.tokenizer_exceptions": "fr"}
"""Modules that compile one, and the language of the texts for which it is used."""


class LatePattern:
    """A regular expression that is compiled when it is first used."""

    def __init__(self, pattern: Any, flags: Any) -> None:
        self._asked = pattern, flags

    def match(self, *arguments: Any, **named: Any) -> Any:
        """As that of ``re.Pattern``. To take the method is not to use it."""
        return self.__getattr__("match")(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        # ``re`` keeps what it has compiled.
        return getattr(re.compile(*self._asked), name)


@contextmanager
def compiled_late(languages: Collection[str]) -> Iterator[None]:
    """Meanwhile modules of ``LATE`` that are imported, but for those of ``languages``, compile late."""
    late = {module for module, language in LATE.items() if language not in languages}
    at_once = re.compile

    def compile_(pattern: Any, flags: Any = 0) -> Any:
        importing = sys._getframe(1).f_globals.get("__name__") in late
        return LatePattern(pattern, flags) if importing else at_once(pattern, flags)

    re.compile = compile_
    try:
        yield
    finally:
        re.compile = at_once
