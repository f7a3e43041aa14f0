"""The shared parse: words, lemmas, parts of speech and stems of every document, as Arrow columns.

pke by itself loads a model and parses the text for every document and method. Here one process parses once;
every method maps the file into memory and builds from it the sentences that pke expects.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from readbench.adapter import Context, MissingDependency, Params, Preparation, TaskSpec, require
from readbench.core.types import Document, Token
from readbench.machine.weights import require_spacy_package, spacy_package
from readbench.text.languages import language_code
from readbench_adapters.words.fast_pipeline import speed_up
from readbench_adapters.words.languages import LANGUAGES, language_of

FILE = "parse.arrow"
INSTALL = "pip install 'readbench[keyphrases]'"
BATCH, BATCH_CHARACTERS = 64, 40_000
"""The most that is parsed at a time. The tagger pads the documents of a batch to the longest one: 24 whole
papers together take five times the memory of one by one, and a third more time."""
# spaCy refuses longer texts by default, for the sake of its parser and entity recogniser, which are
# off here; the tagger works in batches of padded documents and needs about 1 KB a character.
LONGEST = 10_000_000


@dataclass(frozen=True, slots=True)
class ParsedSentence:
    """One sentence; the five lists are equally long. ``stems`` are lower-cased."""

    words: list[str]
    lemmas: list[str]
    pos: list[str]
    offsets: list[int]
    stems: list[str]


class ParsedDocuments:
    """Sentences by document id, read from the memory-mapped file on request."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa

        with pa.memory_map(str(path)) as source:
            self._table = pa.ipc.open_file(source).read_all()
        self._rows = {id_: row for row, id_ in enumerate(self._table.column("id").to_pylist())}
        self._columns = {
            name: self._table.column(name).combine_chunks()
            for name in ("word", "lemma", "pos", "offset", "stem", "sentence")
        }

    def __getitem__(self, document_id: str) -> list[ParsedSentence]:
        row = self._rows[document_id]
        word, lemma, pos, offset, stem, ends = (column[row].as_py() for column in self._columns.values())
        sentences = []
        start = 0
        for end in ends:
            cut = slice(start, end)
            sentences.append(ParsedSentence(word[cut], lemma[cut], pos[cut], offset[cut], stem[cut]))
            start = end
        return sentences

    def spaces(self, document_id: str) -> list[bool]:
        """Whether white space follows, for every word of a document."""
        spaces: list[bool] = self._table.column("space")[self._rows[document_id]].as_py()
        return spaces


class Parse(Preparation):
    """spaCy's tokens, tags, lemmas and sentences, with hyphenated words kept whole, and stems.

    English is parsed as pke does it: with pke's tokenizer rule and NLTK's Porter stems. Another language
    keeps its own tokenizer rules except those that cut at hyphens, and is stemmed by its Snowball algorithm.
    Methods that read no tags need no model: they get the words of spaCy's tokenizer, sentence ends, and
    lower-cased words in place of lemmas. Chinese is cut into words by its model where tags are read,
    otherwise by jieba.
    """

    name: ClassVar[str] = "parse"
    requires: ClassVar[tuple[str, ...]] = ("spacy", "pke")
    install: ClassVar[str] = INSTALL

    class Params(Params):
        model: str | None = Field("en_core_web_sm", description="spaCy model; none: tokens without tags")
        language: str = Field("en", description="code of the texts' language")

    params: Params

    @classmethod
    def of(cls, language: str, *, tags: bool) -> Parse:
        """The parse of a language. English has one for all methods, with tags; elsewhere a method that
        reads no tags neither needs a model nor pays for one."""
        code = language_code(language)
        if code not in LANGUAGES:  # `missing` raises for it
            return cls(model=None, language=code)
        return cls(model=LANGUAGES[code].model if tags or code == "en" else None, language=code)

    def modules(self) -> tuple[str, ...]:
        model = self.params.model
        package = ("jieba" if self._segmented() else None) if model is None else spacy_package(model)
        return self.requires if package is None else (*self.requires, package)

    def missing(self) -> None:
        super().missing()
        language = language_of(self.params.language)
        if self.params.model is None:
            require(("jieba",) if self._segmented() else (), INSTALL)
        elif spacy_package(self.params.model) is None and language.code != "en":
            raise MissingDependency(
                f"needs parts of speech, and so the spaCy model {self.params.model} for {language.name}",
                todo=f"python -m spacy download {self.params.model}",
            )
        else:
            require_spacy_package(self.params.model)

    def _segmented(self) -> bool:
        return self.params.language == "zh"

    def build(self, documents: Sequence[Document], folder: Path, context: Context) -> None:
        """A document that brings its own annotation is taken as annotated; the others are parsed."""
        import pyarrow as pa

        stem, read = _memoised(language_of(self.params.language).stemmer()), WordReader()
        schema = _schema()
        nlp = self._model() if any(document.annotation is None for document in documents) else None
        context.progress(0, len(documents))
        done = 0
        with pa.OSFile(str(folder / FILE), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
            for batch in _batches(documents, context.task.text):
                texts = [context.task.text(document) for document in batch if document.annotation is None]
                parses = nlp.pipe(texts, batch_size=BATCH) if nlp is not None else iter(())
                rows = []
                for document in batch:
                    words = document.annotation
                    row = read(next(parses)) if words is None else _of_tokens(words)
                    rows.append({"id": document.id, **row, "stem": [stem(word) for word in row["word"]]})
                writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=schema))
                done += len(batch)
                context.progress(done, len(documents))

    def _model(self) -> Any:
        """A new pipeline, so that changes to its tokenizer reach nobody else."""
        if self.params.model is None:
            nlp = _blank(self.params.language)
        else:
            package = require_spacy_package(self.params.model)
            nlp = importlib.import_module(package).load(disable=["ner", "textcat", "parser"])
            speed_up(nlp)
        nlp.add_pipe("sentencizer")
        if self.params.language == "en":
            # What pke does to the model that it is given.
            from pke.readers import infix_re

            nlp.tokenizer.infix_finditer = infix_re.finditer
        elif not self._segmented():
            # pke's rule would replace the language's own, which know elision ("l'état").
            from spacy.lang.char_classes import HYPHENS
            from spacy.util import compile_infix_regex

            rules = [rule for rule in nlp.Defaults.infixes or () if HYPHENS not in rule]
            nlp.tokenizer.infix_finditer = compile_infix_regex(rules).finditer
        nlp.max_length = LONGEST
        return nlp

    def open(self, folder: Path) -> ParsedDocuments:
        return ParsedDocuments(folder / FILE)


def text_of_words(document: Document, task: TaskSpec) -> str:
    """The text in which the places of words count: that of the fields, or of an annotated document its words
    joined by blanks."""
    if document.annotation is not None:
        return " ".join(token.word for token in document.annotation)
    return task.text(document)


def _batches(documents: Sequence[Document], text: Callable[[Document], str]) -> Iterator[list[Document]]:
    """Documents in their order, in batches of bounded number and length; one longer than that is alone."""
    batch: list[Document] = []
    characters = 0
    for document in documents:
        length = len(text(document))
        if batch and (len(batch) == BATCH or characters + length > BATCH_CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(document)
        characters += length
    if batch:
        yield batch


def _schema() -> Any:
    """One row a document. ``sentence``: where each sentence ends; the other lists have one item a word."""
    import pyarrow as pa

    return pa.schema(
        [
            ("id", pa.string()),
            ("word", pa.list_(pa.string())),
            ("lemma", pa.list_(pa.string())),
            ("pos", pa.list_(pa.string())),
            ("offset", pa.list_(pa.int32())),
            ("space", pa.list_(pa.bool_())),
            ("sentence", pa.list_(pa.int32())),
            ("stem", pa.list_(pa.string())),
        ]
    )


def _blank(code: str) -> Any:
    """spaCy's tokenizer of a language without a model."""
    import spacy

    if code != "zh":
        return spacy.blank(code)
    import logging

    import jieba

    jieba.setLogLevel(logging.WARNING)
    return spacy.blank("zh", config={"nlp": {"tokenizer": {"segmenter": "jieba"}}})


class WordReader:
    """Reads the words of spaCy's documents of one vocabulary as arrays: an object for each word of each
    document takes a third of what its tags take."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], tuple[str, str, str]] = {}

    def __call__(self, parsed: Any) -> dict[str, list[Any]]:
        table = parsed.to_array(["ORTH", "LEMMA", "POS", "TAG", "IDX", "SPACY", "SENT_START"])
        keys = list(map(tuple, table[:, :4].tolist()))
        known = self._known
        for place, key in enumerate(keys):
            if key not in known:
                word = parsed[place]
                known[key] = word.text, word.lemma_ or word.lower_, word.pos_ or word.tag_
        words = [known[key] for key in keys]
        starts = (table[1:, 6] == 1).nonzero()[0] + 1
        return {
            "word": [word for word, _, _ in words],
            "lemma": [lemma for _, lemma, _ in words],
            "pos": [pos for _, _, pos in words],
            "offset": table[:, 4].tolist(),
            "space": (table[:, 5] != 0).tolist(),
            "sentence": [*starts.tolist(), *([len(words)] if words else [])],
        }


def _of_tokens(tokens: Sequence[Token]) -> dict[str, list[Any]]:
    last = [
        i
        for i, token in enumerate(tokens)
        if i + 1 == len(tokens) or tokens[i + 1].sentence != token.sentence
    ]
    return {
        "word": [token.word for token in tokens],
        "lemma": [token.lemma for token in tokens],
        "pos": [token.pos for token in tokens],
        "offset": [token.offset for token in tokens],
        "space": [token.space for token in tokens],
        "sentence": [i + 1 for i in last],
    }


def _memoised(stem: Callable[[str], str]) -> Callable[[str], str]:
    known: dict[str, str] = {}

    def stem_word(word: str) -> str:
        if word not in known:
            known[word] = stem(word)
        return known[word]

    return stem_word
