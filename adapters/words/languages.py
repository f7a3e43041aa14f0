"""What a language needs to be read word by word: spaCy's tokens and stop words, a model with tags, a stemmer.

Where one of these is missing for a language, the method says so in one line: no text is read as if it were
English.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from readbench.adapter import MissingDependency
from readbench.text import porter
from readbench.text.languages import language_code
from readbench_adapters.words.candidates import NOUN_PHRASES, NOUN_PHRASES_ROMANCE

_AFTER_ELISION = re.compile(r"(?<=\w['’]) (?=\w)")
_BETWEEN_HAN = re.compile("(?<=[\u3005\u3007\u3400-\u9fff]) (?=[\u3005\u3007\u3400-\u9fff])")


@dataclass(frozen=True)
class Language:
    """``code`` is spaCy's, ``model`` its smallest model with tags, ``snowball`` a stemmer's name or None
    where words have no endings. ``closed`` finds blanks between words that are not written. A candidate has
    ``shortest_phrase`` letters at least and each of its words ``shortest_word``: pke's 3 and 2 fit alphabets.
    ``noun_phrases`` is the grammar of that name.
    """

    code: str
    name: str
    model: str
    snowball: str | None
    closed: re.Pattern[str] | None = None
    shortest_phrase: int = 3
    shortest_word: int = 2
    noun_phrases: str = NOUN_PHRASES

    def stemmer(self) -> Callable[[str], str]:
        """A function from a word to its stem, in lower case. English is stemmed as pke does it, which is by
        NLTK."""
        if self.code == "en":
            return porter.stem_as_written
        if self.snowball is None:
            return str.lower
        import Stemmer

        # Without a cache: the caller memoises words.
        snowball = Stemmer.Stemmer(self.snowball, 0)
        return lambda word: str(snowball.stemWord(word.lower()))

    def written(self, phrase: str) -> str:
        """A phrase of words joined by blanks as the language writes it.

        >>> language_of("zh").written("支持 向量 机 SVM 模型")
        '支持向量机 SVM 模型'
        >>> language_of("fr").written("courants d' air")
        "courants d'air"
        """
        return phrase if self.closed is None else self.closed.sub("", phrase)

    def described(self) -> dict[str, str]:
        """For the record: whose stop words and which stemmer ran."""
        stems = "none" if self.snowball is None else f"Snowball {self.snowball}"
        return {"language": self.code, "stop words": f"spaCy {self.code}", "stems": stems}


LANGUAGES = {
    language.code: language
    for language in (
        Language("da", "Danish", "da_core_news_sm", "danish"),
        Language("de", "German", "de_core_news_sm", "german"),
        Language("en", "English", "en_core_web_sm", "porter"),
        Language("es", "Spanish", "es_core_news_sm", "spanish", noun_phrases=NOUN_PHRASES_ROMANCE),
        Language("fi", "Finnish", "fi_core_news_sm", "finnish"),
        Language(
            "fr", "French", "fr_core_news_sm", "french", _AFTER_ELISION, noun_phrases=NOUN_PHRASES_ROMANCE
        ),
        Language(
            "it", "Italian", "it_core_news_sm", "italian", _AFTER_ELISION, noun_phrases=NOUN_PHRASES_ROMANCE
        ),
        Language("nb", "Norwegian", "nb_core_news_sm", "norwegian"),
        Language("nl", "Dutch", "nl_core_news_sm", "dutch"),
        Language("pt", "Portuguese", "pt_core_news_sm", "portuguese", noun_phrases=NOUN_PHRASES_ROMANCE),
        Language("ro", "Romanian", "ro_core_news_sm", "romanian", noun_phrases=NOUN_PHRASES_ROMANCE),
        Language("ru", "Russian", "ru_core_news_sm", "russian"),
        Language("sv", "Swedish", "sv_core_news_sm", "swedish"),
        # Most words have two characters, and one-character words are parts of terms as well.
        Language("zh", "Chinese", "zh_core_web_sm", None, _BETWEEN_HAN, shortest_phrase=2, shortest_word=1),
    )
}

# The codes by which pke 2.0.0 calls these languages, and the codes that are right.
_MEANT = {"ge": "de", "sp": "es", "du": "nl", "sw": "sv"}
UNSEPARATED = frozenset({"ja", "km", "lo", "my", "th", "zh"})
"""Languages that write no blanks between words."""


def is_english(language: str) -> bool:
    return language_code(language) == "en"


def refuse_unseparated(package: str, language: str) -> None:
    """Raises MissingDependency for a language that a package which looks for blanks cannot read."""
    if language_code(language) in UNSEPARATED:
        raise MissingDependency(
            f"the package {package} finds words between blanks, which {language!r} does not write",
            todo="take pke.yake, which reads Chinese word by word",
        )


def language_of(language: str) -> Language:
    """The language of a task. Raises MissingDependency with one line where there is nothing for it."""
    code = language_code(language)
    if code in LANGUAGES:
        return LANGUAGES[code]
    meant = _MEANT.get(code)
    raise MissingDependency(
        f"has no stop words and stemmer for the language {language!r}",
        todo=f"did you mean {meant}?" if meant else f"there are: {', '.join(LANGUAGES)}",
    )
