"""The Porter stemmer with NLTK's extensions, by which published keyphrase scorers compare phrases.

It differs from PyStemmer's ``porter`` on about 1 % of the words. NLTK itself takes seconds to import.
"""

from __future__ import annotations

from functools import lru_cache

VERSION = "Porter stems with NLTK's extensions, split at white space"
"""Part of the version of every metric that compares these stems."""

_IRREGULAR = {
    "skies": "sky",
    "sky": "sky",
    "dying": "die",
    "lying": "lie",
    "tying": "tie",
    "news": "news",
    "innings": "inning",
    "inning": "inning",
    "outings": "outing",
    "outing": "outing",
    "cannings": "canning",
    "canning": "canning",
    "howe": "howe",
    "proceed": "proceed",
    "exceed": "exceed",
    "succeed": "succeed",
}

_Rules = dict[str, str]
# No rule of a step hides behind another one: of two suffixes that end a word the longer comes first.
_STEP_2: _Rules = {
    "ational": "ate",
    "tional": "tion",
    "enci": "ence",
    "anci": "ance",
    "izer": "ize",
    "bli": "ble",
    "alli": "al",
    "entli": "ent",
    "eli": "e",
    "ousli": "ous",
    "ization": "ize",
    "ation": "ate",
    "ator": "ate",
    "alism": "al",
    "iveness": "ive",
    "fulness": "ful",
    "ousness": "ous",
    "aliti": "al",
    "iviti": "ive",
    "biliti": "ble",
    "fulli": "ful",
}
_STEP_3: _Rules = {
    "icate": "ic",
    "ative": "",
    "alize": "al",
    "iciti": "ic",
    "ical": "ic",
    "ful": "",
    "ness": "",
}
_STEP_4: _Rules = dict.fromkeys(
    (
        "al",
        "ance",
        "ence",
        "er",
        "ic",
        "able",
        "ible",
        "ant",
        "ement",
        "ment",
        "ent",
        "ou",
        "ism",
        "ate",
        "iti",
        "ous",
        "ive",
        "ize",
    ),
    "",
)


def key(phrase: str) -> str:
    """The stems of the lower-case words, joined by spaces: equal keys are equal stems. Hyphens and
    punctuation stay. "" for a blank phrase.

    >>> key("Object-oriented  designs")
    'object-ori design'
    """
    return " ".join([stem(word) for word in phrase.lower().split()])


@lru_cache(maxsize=1 << 17)
def stem(word: str) -> str:
    """The stem of a lower-case word, as ``nltk.stem.SnowballStemmer("porter")`` has it.

    Porter 1980, An algorithm for suffix stripping, Program 14(3):130-137; what NLTK changes is said
    beside each change.

    >>> stem("classification"), stem("flies"), stem("dies")
    ('classif', 'fli', 'die')
    """
    # NLTK: a table of irregular forms, and nothing is done to words of one or two letters.
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 2:
        return word
    word = _without_past(_without_plural(word))
    # NLTK: a final y becomes i behind a consonant that is not the first letter, wherever the vowels are.
    if word.endswith("y") and len(word) > 2 and _shape(word[:-1])[-1] == "c":
        word = word[:-1] + "i"
    word = _replaced(_step_2(word), _STEP_3, 1)
    word = _step_4(word)
    return _tidied(word)


def stem_as_written(word: str) -> str:
    """The same of a word in any case, in lower case.

    >>> stem_as_written("News"), stem_as_written("Flies")
    ('news', 'fli')
    """
    # NLTK counts the letters before it lowers them: a few capitals become two letters.
    return word.lower() if len(word) <= 2 else stem(word.lower())


def _shape(word: str) -> str:
    """A letter c or v for each letter: consonant or vowel. A y is a vowel behind a consonant."""
    shape, last = "", "v"
    for letter in word:
        last = "v" if letter in "aeiou" or (letter == "y" and last == "c") else "c"
        shape += last
    return shape


def _measure(beginning: str) -> int:
    """Porter's m: how often a vowel is followed by a consonant."""
    return _shape(beginning).count("vc")


def _is_short(beginning: str) -> bool:
    """Porter's *o: ends consonant, vowel, consonant, the last not w, x or y. NLTK: or is but a vowel and
    a consonant."""
    shape = _shape(beginning)
    return shape == "vc" or (shape.endswith("cvc") and beginning[-1] not in "wxy")


def _replaced(word: str, rules: _Rules, least: int) -> str:
    """The word with the suffix of the first rule that fits replaced if what precedes it has measure
    ``least`` at least; a rule that fits ends the search either way."""
    for suffix, replacement in rules.items():
        if word.endswith(suffix):
            beginning = word[: -len(suffix)]
            return beginning + replacement if _measure(beginning) >= least else word
    return word


def _without_plural(word: str) -> str:
    """Step 1a."""
    # NLTK: "dies" becomes "die", but "flies" still "fli".
    if word.endswith("ies"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("sses"):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _without_past(word: str) -> str:
    """Step 1b."""
    # NLTK: "died" becomes "die", but "spied" "spi".
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    if not word.endswith(("ed", "ing")):
        return word
    beginning = word[:-2] if word.endswith("ed") else word[:-3]
    shape = _shape(beginning)
    if "v" not in shape:
        return word
    if beginning.endswith(("at", "bl", "iz")):
        return beginning + "e"
    if beginning[-2:] == beginning[-1] * 2 and shape[-1] == "c":
        return beginning if beginning[-1] in "lsz" else beginning[:-1]
    # NLTK takes its sign for a double consonant for a suffix, too.
    if beginning.endswith("*d"):
        return beginning[:-2] + "d"
    return beginning + "e" if shape.count("vc") == 1 and _is_short(beginning) else beginning


def _step_2(word: str) -> str:
    # NLTK: "alli" first, and then all rules once more.
    if word.endswith("alli") and _measure(word[:-4]) > 0:
        return _step_2(word[:-2])
    # NLTK: the l counts, so that "theologi" is shortened like "archaeologi"; "bli" stands for "abli".
    if word.endswith("logi"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    return _replaced(word, _STEP_2, 1)


def _step_4(word: str) -> str:
    if word.endswith("ion"):
        return word[:-3] if word[-4:-3] in ("s", "t") and _measure(word[:-3]) > 1 else word
    return _replaced(word, _STEP_4, 2)


def _tidied(word: str) -> str:
    """Steps 5a and 5b."""
    if word.endswith("e"):
        beginning = word[:-1]
        measure = _measure(beginning)
        if measure > 1 or (measure == 1 and not _is_short(beginning)):
            word = beginning
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word
