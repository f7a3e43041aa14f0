"""The house normaliser: what makes two spellings of a phrase the same phrase."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from readbench.text.languages import language_code

Value = TypeVar("Value")

VERSION = "house-1: lower case, hyphens and white space, Porter stems"
"""Part of every metric's version. Texts in other languages take that language's Snowball stemmer; French and
Italian words are parted from an article or preposition that lost its vowel before them."""

_PORTER = "Porter stems"


def version_in(version: str, language: str) -> str:
    """The version of a metric that has ``VERSION`` as a part of its own, for texts of a language: it names
    the stemmer of that language, so that values by other stems are not held to be comparable.

    >>> version_in(VERSION, "en") == VERSION
    True
    >>> version_in(VERSION, "pt")
    'house-1: lower case, hyphens and white space, Snowball stems (portuguese)'
    >>> version_in(VERSION, "zh")
    'house-1: lower case, hyphens and white space, no stems'
    """
    stemmer = _STEMMERS.get(language_code(language))
    if VERSION not in version or stemmer == "porter":
        return version
    stems = f"Snowball stems ({stemmer})" if stemmer else "no stems"
    return version.replace(VERSION, VERSION.replace(_PORTER, stems))


# Unicode's dash punctuation (category Pd), the minus sign and the hyphen bullet.
HYPHENS = (
    "-\u058a\u05be\u1400\u1806\u2010\u2011\u2012\u2013\u2014\u2015\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u2e5d"
    "\u301c\u3030\u30a0\ufe31\ufe32\ufe58\ufe63\uff0d\U00010ead\u2212\u2043"
)
# Invisible inside a word (soft hyphen, zero-width characters, byte-order mark).
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
# Chinese and Japanese text has no white space around these; compatibility normalisation would turn
# some of them into ASCII inside a token, so they become spaces before it.
_CJK_PUNCTUATION = "、。，．；：！？（）［］｛｝《》〈〉「」『』【】〔〕・～"
_APOSTROPHES = "\u2018\u2019\u02bc"

_TABLE = str.maketrans(
    dict.fromkeys(HYPHENS + _CJK_PUNCTUATION, " ")
    | dict.fromkeys(_INVISIBLE, "")
    | dict.fromkeys(_APOSTROPHES, "'")
)
_OF_TABLE = re.compile(f"[{re.escape(''.join(map(chr, _TABLE)))}]")
# Han with the iteration mark and zero, hiragana and katakana. Korean separates its words by spaces.
_CJK = re.compile(
    "([\u3005\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af])"
)

# What loses its vowel before another one and is joined by an apostrophe. Everything else with an apostrophe
# is one word (aujourd'hui).
_ELIDED = {
    "fr": re.compile(r"((?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|quoiqu)')(?=\w)"),
    "it": re.compile(r"((?:[cdlmnstv]|un|gl|(?:[ac]|da|de|ne|su|pe)(?:ll|gl))')(?=\w)"),
}

# What separates no words by itself: one Chinese or Japanese character, or a run of anything else.
_CHUNK = re.compile(
    f"{_CJK.pattern}[\u3099\u309a\ufe00-\ufe0f]*|"
    f"[^\\s{re.escape(HYPHENS + _CJK_PUNCTUATION)}{_CJK.pattern[2:-2]}]+"
)

# The stemmers that PyStemmer has had since 2.2: one that newer releases alone bring would make a
# score depend on the installation.
_STEMMERS = {
    "ar": "arabic",
    "ca": "catalan",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "porter",
    "es": "spanish",
    "eu": "basque",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nb": "norwegian",
    "ne": "nepali",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}


def words(phrase: str, language: str = "en") -> tuple[str, ...]:
    """The normalised words of a phrase or text.

    NFKC and lower case; hyphens of all kinds and white space separate words; punctuation and symbols
    around a word are dropped, but for ``+`` and ``#`` at its end (C, C++ and C# are three words);
    every Chinese or Japanese character is a word of its own.

    >>> words("Out-of-print  (books)")
    ('out', 'of', 'print', 'books')
    >>> words("l'analyse d’images", "fr")
    ('l', 'analyse', 'd', 'images')
    """
    return tuple(filter(None, map(_BARE.__getitem__, tokens(phrase, language))))


def stems(phrase: str, language: str = "en") -> tuple[str, ...]:
    """The stems of ``words(phrase)``, one a word; unstemmed in a language that has no stemmer here.

    >>> stems("Support Vector Machines")
    ('support', 'vector', 'machin')
    """
    code = language_code(language)
    return tuple(filter(None, map(_stems_in(code).__getitem__, _tokens(phrase, code))))


def key(phrase: str, language: str = "en") -> str:
    """The stems joined by spaces, which no stem contains: equal keys are equal stems. "" for a phrase
    that normalises to nothing."""
    code = language_code(language)
    return " ".join(filter(None, map(_stems_in(code).__getitem__, _tokens(phrase, code))))


def places(text: str, language: str = "en") -> list[tuple[int, int, str]]:
    """Every word of a text: where it begins and ends in the text, without the punctuation around it, and
    its stem. The stems in order are ``stems(text)``.

    >>> places("Support-vector machines.")
    [(0, 7, 'support'), (8, 14, 'vector'), (15, 23, 'machin')]
    >>> places("d'images", "fr")
    [(0, 1, 'd'), (2, 8, 'imag')]
    """
    code = language_code(language)
    stem_of = _stems_in(code).__getitem__
    found = []
    for match in _CHUNK.finditer(text):
        place = _without_marks(text, *match.span())
        known = list(filter(None, map(stem_of, _tokens(match[0], code))))
        parts = _elided_places(text, *place, code)
        if len(parts) != len(known):
            # Compatibility normalisation can find several words in one piece; they share its place.
            parts = [place] * len(known)
        found += [(*part, stem) for part, stem in zip(parts, known, strict=True)]
    return found


def _without_marks(text: str, start: int, end: int) -> tuple[int, int]:
    """A place without the punctuation around it; the whole of it where nothing else is there."""
    first, last = start, end
    while first < last and _is_mark(text[first]):
        first += 1
    while last > first and _is_mark(text[last - 1]) and text[last - 1] not in "+#":
        last -= 1
    return (first, last) if first < last else (start, end)


def _elided_places(text: str, start: int, end: int, code: str) -> list[tuple[int, int]]:
    """The places of an elided word and of what it is elided before; none where there is no such word. Each
    character is looked at by itself, so that the folded text is as long as the text."""
    if code not in _ELIDED:
        return []
    folded = "".join(one if len(one := _folded(mark)) == 1 else mark for mark in text[start:end])
    elided = _ELIDED[code].match(folded)
    if elided is None:
        return []
    middle = start + elided.end()
    return [_without_marks(text, start, middle), _without_marks(text, middle, end)]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text.translate(_TABLE)).lower().translate(_TABLE)


def present(phrase_stems: Sequence[str], text_stems: Sequence[str]) -> bool:
    """Whether the stems of a phrase occur in those of a text, in order and without a gap. Punctuation
    between words does not count. A phrase without stems occurs nowhere."""
    return key_present(" ".join(phrase_stems), " ".join(text_stems))


def key_present(phrase_key: str, text_key: str) -> bool:
    """``present`` for two keys."""
    return bool(phrase_key) and f" {phrase_key} " in f" {text_key} "


def tokens(text: str, language: str = "en") -> list[str]:
    """What ``words`` strips: the lower-case tokens, with the punctuation that is still around them.

    >>> tokens("Out-of-print  (books)")
    ['out', 'of', 'print', '(books)']
    """
    return _tokens(text, language_code(language))


def _tokens(text: str, code: str) -> list[str]:
    plain = _plain_tokens(text)
    elided = _ELIDED.get(code)
    if elided is None:
        return plain
    return [part for token in plain for part in _parted(token, elided)]


def _parted(token: str, elided: re.Pattern[str]) -> tuple[str, ...]:
    """A token, or two where it begins with an elided word, whatever opening marks come first."""
    bare = _BARE[token]
    found = elided.match(bare)
    return (token,) if found is None else (found[1], bare[found.end() :])


def _plain_tokens(text: str) -> list[str]:
    # Most phrases are ASCII, where all the rest is the identity (a test holds the two paths equal).
    if text.isascii():
        return text.lower().replace("-", " ").split()
    text = unicodedata.normalize("NFKC", _translated(text)).lower()
    # Once more: compatibility normalisation can bring characters of the table to light.
    return _CJK.sub(r" \1 ", _translated(text)).split()


def _translated(text: str) -> str:
    """``text.translate(_TABLE)``, which looks at each character by itself, only where it changes more than
    plain hyphens."""
    text = text.replace("-", " ")
    return text.translate(_TABLE) if _OF_TABLE.search(text) else text


class Memo(dict[str, Value]):
    """What a function gives for each string, computed once. It starts again when it holds ``MOST``."""

    MOST = 1 << 17

    def __init__(self, compute: Callable[[str], Value]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, text: str) -> Value:
        if len(self) >= self.MOST:
            self.clear()
        found = self[text] = self._compute(text)
        return found


def stripped(token: str) -> str:
    """The word in a token: without the punctuation around it; "" where nothing else is left."""
    start, end = 0, len(token)
    while start < end and _is_mark(token[start]):
        start += 1
    while end > start and _is_mark(token[end - 1]) and token[end - 1] not in "+#":
        end -= 1
    return token[start:end]


_BARE = Memo(stripped)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"


@cache
def _stems_in(code: str) -> Memo[str]:
    """The stem of each token of a language, without the punctuation around it."""
    stemmer = _stemmer(code)

    def stem(token: str) -> str:
        bare = _BARE[token]
        if stemmer is None or not bare:
            return bare
        # Porter's rules leave nothing of the word "s"; a word must not vanish from a phrase.
        return str(stemmer.stemWord(bare)) or bare

    return Memo(stem)


@cache
def _stemmer(code: str) -> Any:
    """PyStemmer's stemmer of a language, None where it has none."""
    if code not in _STEMMERS:
        return None
    import Stemmer

    # Words are memoised here already.
    return Stemmer.Stemmer(_STEMMERS[code], 0)
