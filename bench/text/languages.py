"""Languages by their ISO 639-1 codes, however a file or a suite writes them."""

from __future__ import annotations

from functools import lru_cache

_NAMES = {
    "da": ("danish", "dan"),
    "de": ("german", "deu", "ger", "deutsch"),
    "en": ("english", "eng"),
    "es": ("spanish", "spa", "español"),
    "fi": ("finnish", "fin"),
    "fr": ("french", "fra", "fre", "français"),
    "it": ("italian", "ita", "italiano"),
    "nb": ("norwegian", "nor", "no", "nob"),
    "nl": ("dutch", "nld", "dut"),
    "pt": ("portuguese", "por", "português"),
    "ro": ("romanian", "ron", "rum"),
    "ru": ("russian", "rus"),
    "sv": ("swedish", "swe"),
    "zh": ("chinese", "zho", "chi", "中文"),
}
_CODES = {name: code for code, names in _NAMES.items() for name in names}


@lru_cache(maxsize=256)
def language_code(language: str) -> str:
    """The primary subtag of a language code; of the usual languages also from name or three letters.

    >>> [language_code(text) for text in ("de-AT", "zh_Hans", "English", "fra")]
    ['de', 'zh', 'en', 'fr']
    """
    plain = language.strip().lower().replace("_", "-").partition("-")[0]
    return _CODES.get(plain, plain)
