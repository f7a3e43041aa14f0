"""A spaCy pipeline with the same annotation in less time.

Three things take most of the time of tagging a paper. The network's matrix products go through BLIS; here
they go through the BLAS that numpy brings, which is up to three times as fast. The attribute ruler matches
some 170 patterns against every word of every document, although nearly all of them look at one word and its
tag alone: here what they find for a word with a tag is looked up. And the lemmatizer looks through long lists
for each form that a word may have.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

FACTORY = "readbench_memoised_ruler"
RULER = "attribute_ruler"
LOOKED_AT = frozenset({"ORTH", "TEXT", "LOWER", "TAG", "IS_SPACE", "DEP"})
"""What patterns may look at: the word, its tag, and the dependency, which no word has without a parser."""
OF_WORDS = ("ORTH", "TEXT", "LOWER")
"""Those that name a word."""
SET_BY_RULES = ("TAG", "POS", "MORPH", "LEMMA")
FORMS = "lemma_index"
"""A table of the lemmatizer: the known words of each part of speech."""
READS_FEW_FLAGS = frozenset({"tok2vec", "tagger", "attribute_ruler", "lemmatizer"})
UNREAD_FLAGS = (
    "IS_STOP",
    "IS_BRACKET",
    "IS_QUOTE",
    "IS_LEFT_PUNCT",
    "IS_RIGHT_PUNCT",
    "IS_CURRENCY",
    "LIKE_EMAIL",
    "LIKE_NUM",
    "LIKE_URL",
)
"""What those components do not read of a word, unless a network has them as features."""
SETS_TAGS = frozenset({"tok2vec", "tagger"})
"""Components that set nothing but the tag."""


def speed_up(nlp: Any) -> None:
    """Changes a pipeline in place, which then belongs to its caller alone. A component that is not known to
    give the same stays as it is."""
    from thinc.api import Model, NumpyOps

    blas = NumpyOps(use_blis=False)
    for _, component in nlp.pipeline:
        model = getattr(component, "model", None)
        if isinstance(model, Model):
            for layer in model.walk():
                if type(layer.ops) is NumpyOps:
                    layer.ops = blas
    names = nlp.pipe_names
    for name in names:
        _find_forms_at_once(nlp.get_pipe(name))
    if RULER in names and SETS_TAGS.issuperset(names[: names.index(RULER)]):
        ruler = nlp.get_pipe(RULER)
        if _can_be_memoised(ruler):
            if READS_FEW_FLAGS.issuperset(names):
                _set_few_flags(nlp)
            from spacy.language import Language

            Language.factory(FACTORY, func=_make)
            nlp.add_pipe(FACTORY, after=RULER)
            nlp.disable_pipe(RULER)


def _find_forms_at_once(component: Any) -> None:
    """spaCy's lemmatizer by rules looks for forms of a word in lists of up to 57,528 words, from their
    beginning. Here they are sets."""
    from spacy.pipeline import Lemmatizer

    if not isinstance(component, Lemmatizer):
        return
    same = type(component).rule_lemmatize is Lemmatizer.rule_lemmatize
    if same and component.lookups.has_table(FORMS):
        table = component.lookups.get_table(FORMS)
        for part_of_speech, words in list(table.items()):
            table[part_of_speech] = frozenset(words)


def _set_few_flags(nlp: Any) -> None:
    """A new word gets no flag that nobody reads here: finding out takes longer than all else about it."""
    from spacy.attrs import IDS

    models = [model for _, one in nlp.pipeline if (model := getattr(one, "model", None)) is not None]
    read = {column for model in models for layer in model.walk() for column in layer.attrs.get("columns", ())}
    for number in {IDS[name] for name in UNREAD_FLAGS} - read:
        nlp.vocab.lex_attr_getters.pop(number, None)


def _can_be_memoised(ruler: Any) -> bool:
    return all(
        LOOKED_AT.issuperset(token) and "OP" not in token
        for entry in ruler.patterns
        for pattern in entry["patterns"]
        for token in pattern
    ) and all({*SET_BY_RULES, "DEP"}.issuperset(entry["attrs"]) for entry in ruler.patterns)


def _make(nlp: Any, name: str) -> MemoisedRuler:  # noqa: ARG001 - spaCy calls a factory with both
    return MemoisedRuler(nlp.get_pipe(RULER), _lemmatizer_behind(nlp))


def _lemmatizer_behind(nlp: Any) -> Any:
    """The lemmatizer that follows the ruler, if it looks at nothing but a word and what the ruler set, and
    leaves lemmas that are there."""
    from spacy.lang.en.lemmatizer import EnglishLemmatizer
    from spacy.pipeline import Lemmatizer

    names = nlp.pipe_names
    behind = names[names.index(RULER) + 1 :]
    found: Any = nlp.get_pipe(behind[0]) if behind else None
    if type(found) in (Lemmatizer, EnglishLemmatizer) and found.mode in ("rule", "lookup"):
        return None if found.overwrite else found
    return None


class MemoisedRuler:
    """An attribute ruler that remembers what its patterns of one word set, by word and tag, and the lemma
    that ``lemmatizer`` gives to such a word. Of a word that no pattern names they depend on the tag alone. A
    document that holds a sequence of words with a pattern of its own ("gonna", "let's") is given to the ruler
    itself."""

    def __init__(self, ruler: Any, lemmatizer: Any = None) -> None:
        from spacy.attrs import intify_attrs
        from spacy.matcher import Matcher
        from spacy.pipeline import AttributeRuler

        self._ruler, self._lemmatizer = ruler, lemmatizer
        self._of_one_word = AttributeRuler(ruler.vocab)
        self._sequences = Matcher(ruler.vocab)
        self._attributes = list(intify_attrs(dict.fromkeys(SET_BY_RULES, 0)))
        self._known: dict[tuple[int, int], tuple[int, ...]] = {}
        self._by_kind: dict[tuple[int, int, bool], tuple[int, ...]] = {}
        self._begin_sequences: set[int] = set()
        """Of the words that were met: those with which one of the sequences may begin."""
        self._named, self._first = NamedWords(), NamedWords()
        for entry in ruler.patterns:
            single = [pattern for pattern in entry["patterns"] if len(pattern) == 1]
            longer = [p for p in entry["patterns"] if len(p) > 1 and not any(map(_needs_parser, p))]
            for (token,) in single:
                self._named.add(token)
            if single:
                self._of_one_word.add(single, entry["attrs"], entry["index"])
            for pattern in longer:
                self._first.add(pattern[0], whole=True)
            if longer:
                self._sequences.add(str(len(self._sequences)), longer)

    def __call__(self, doc: Any) -> Any:
        import numpy as np

        known = self._known
        keys = list(map(tuple, doc.to_array(["ORTH", "TAG"]).tolist()))
        unknown = {key for key in keys if key not in known}
        if unknown:
            self._learn(doc, keys, unknown)
        begin = self._begin_sequences
        if begin and any(word in begin for word, _ in keys) and self._sequences(doc, allow_missing=True):
            return self._ruler(doc)
        if keys:
            doc.from_array(self._attributes, np.array([known[key] for key in keys], dtype=np.uint64))
        return doc

    def _learn(self, doc: Any, keys: list[Any], unknown: set[Any]) -> None:
        """Annotates one example of each, in a document of their own."""
        import numpy as np

        first = {key: place for place, key in reversed(list(enumerate(keys))) if key in unknown}
        kinds = [self._kind(doc[place]) for place in first.values()]
        new = {
            kind: place
            for kind, place in zip(kinds, first.values(), strict=True)
            if kind not in self._by_kind
        }
        if new:
            examples = self._of_one_word(_examples(doc, new.values()))
            self._by_kind.update(zip(new, self._rows(examples), strict=True))
        examples = _examples(doc, first.values())
        rows = np.array([self._by_kind[kind] for kind in kinds], dtype=np.uint64)
        examples.from_array(self._attributes, rows)
        if self._lemmatizer is not None:
            self._lemmatizer(examples)
        self._known.update(zip(first, self._rows(examples), strict=True))
        self._begin_sequences.update(word.orth for word in examples if word.text in self._first)

    def _kind(self, word: Any) -> tuple[int, int, bool]:
        """What patterns of one word can tell words apart by."""
        return word.orth if word.text in self._named else 0, word.tag, word.is_space

    def _rows(self, doc: Any) -> list[tuple[int, ...]]:
        return list(map(tuple, doc.to_array(self._attributes).tolist()))


class NamedWords:
    """The words that patterns name, at least: by themselves, in a list, or by a regular expression."""

    def __init__(self) -> None:
        self._words: set[str] = set()
        self._expressions: list[re.Pattern[str]] = []
        self._every = False

    def add(self, token: Mapping[str, Any], *, whole: bool = False) -> None:
        """A token of a pattern. ``whole``: one that names no word stands for every word."""
        asked = [token[name] for name in OF_WORDS if name in token]
        for one in asked:
            if isinstance(one, str):
                self._words.add(one)
            elif isinstance(one, dict) and one.keys() == {"IN"}:
                self._words.update(one["IN"])
            elif isinstance(one, dict) and one.keys() == {"REGEX"}:
                self._expressions.append(re.compile(one["REGEX"]))
            else:
                self._every = True
        self._every |= whole and not asked

    def __contains__(self, word: str) -> bool:
        lower = word.lower()
        return (
            self._every
            or not self._words.isdisjoint((word, lower))
            or any(one.search(word) or one.search(lower) for one in self._expressions)
        )


def _needs_parser(token: Mapping[str, Any]) -> bool:
    """Whether it asks for a dependency, which no word has here."""
    asked = token.get("DEP", "")
    return bool(asked) if isinstance(asked, str) else asked.keys() == {"IN"} and "" not in asked["IN"]


def _examples(doc: Any, places: Collection[int]) -> Any:
    """A document of the words at these places, with their tags."""
    from spacy.tokens import Doc

    words = [doc[place] for place in places]
    return Doc(doc.vocab, words=[word.text for word in words], tags=[word.tag_ for word in words])
