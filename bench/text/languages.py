"""Languages by their ISO 639-1 codes, however a file or a suite writes them."""

from __future__ import annotations

from functools import lru_cache

_NAMES = {
    "ar": ("arabic", "ara", "العربية"),
    "bg": ("bulgarian", "bul", "български"),
    "ca": ("catalan", "cat", "català"),
    "cs": ("czech", "ces", "cze", "čeština"),
    "da": ("danish", "dan", "dansk"),
    "de": ("german", "deu", "ger", "deutsch"),
    "el": ("greek", "ell", "gre", "ελληνικά"),
    "en": ("english", "eng"),
    "es": ("spanish", "spa", "español", "castellano", "castilian"),
    "et": ("estonian", "est", "eesti"),
    "eu": ("basque", "eus", "baq", "euskara"),
    "fa": ("persian", "fas", "per", "farsi", "فارسی"),
    "fi": ("finnish", "fin", "suomi"),
    "fr": ("french", "fra", "fre", "français"),
    "ga": ("irish", "gle", "gaeilge"),
    "gl": ("galician", "glg", "galego"),
    "he": ("hebrew", "heb", "iw", "עברית"),
    "hi": ("hindi", "hin", "हिन्दी"),
    "hr": ("croatian", "hrv", "scr", "hrvatski"),
    "hu": ("hungarian", "hun", "magyar"),
    "hy": ("armenian", "hye", "arm"),
    "id": ("indonesian", "ind", "in"),
    "it": ("italian", "ita", "italiano"),
    "ja": ("japanese", "jpn", "jp", "日本語"),
    "ko": ("korean", "kor", "kr", "한국어"),
    "lt": ("lithuanian", "lit", "lietuvių"),
    "lv": ("latvian", "lav", "latviešu"),
    "nb": ("norwegian", "nor", "no", "nob", "norsk", "bokmål"),
    "nl": ("dutch", "nld", "dut", "nederlands", "flemish"),
    "nn": ("nynorsk", "nno"),
    "pl": ("polish", "pol", "polski"),
    "pt": ("portuguese", "por", "português"),
    "ro": ("romanian", "ron", "rum", "română", "moldavian"),
    "ru": ("russian", "rus", "русский"),
    "sk": ("slovak", "slk", "slo", "slovenčina"),
    "sl": ("slovenian", "slv", "slovene", "slovenščina"),
    "sr": ("serbian", "srp", "scc", "srpski"),
    "sv": ("swedish", "swe", "svenska"),
    "tr": ("turkish", "tur", "türkçe"),
    "uk": ("ukrainian", "ukr", "українська"),
    "vi": ("vietnamese", "vie", "tiếng việt"),
    "zh": ("chinese", "zho", "chi", "cn", "mandarin", "中文"),
}
KNOWN = tuple(_NAMES)
"""The codes that are known by name too."""

_CODES = {name: code for code, names in _NAMES.items() for name in names}


@lru_cache(maxsize=256)
def language_code(language: str) -> str:
    """The primary subtag of a language code; of the usual languages also from name or three letters.

    >>> [language_code(text) for text in ("de-AT", "zh_Hans", "English", "fra")]
    ['de', 'zh', 'en', 'fr']
    """
    plain = language.strip().lower().replace("_", "-")
    if plain in _CODES:
        return _CODES[plain]
    plain = plain.partition("-")[0]
    return _CODES.get(plain, plain)


def first_language(text: str) -> str:
    """The first of several languages that a catalogue names ("English; Portuguese"), as it names it."""
    for separator in (";", "|", ",", "/"):
        text = text.partition(separator)[0]
    return text.strip()
