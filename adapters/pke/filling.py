"""Puts a parse into an object of pke."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from readbench_adapters.words.languages import language_of
from readbench_adapters.words.parse import ParsedSentence
from readbench_adapters.words.stop_words import StopList, stop_words


def fill(
    extractor: Any,
    sentences: Sequence[ParsedSentence],
    normalization: str | None,
    stoplist: StopList = "pke",
    language: str = "en",
) -> None:
    """Puts a parse into a pke object, in the state in which ``load_document`` leaves it, with the stop
    words of the language."""
    from pke.data_structures import Sentence

    known = language_of(language)
    extractor.language = known.code
    extractor.normalization = normalization or "none"
    extractor.stoplist = stop_words(stoplist, known.code)
    extractor.shortest_phrase, extractor.shortest_word = known.shortest_phrase, known.shortest_word
    for parsed in sentences:
        sentence = Sentence(words=parsed.words, pos=parsed.pos, meta={"lemmas": parsed.lemmas})
        stems = parsed.stems if normalization == "stemming" else [word.lower() for word in parsed.words]
        sentence.stems = stems
        extractor.sentences.append(sentence)
