"""The shared parse: words, lemmas, parts of speech and stems of every document, as Arrow columns.

pke's own way costs a model load and a parse per document and method. Here one process parses once;
every method maps the file and builds the sentences that pke expects from it.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from readbench.adapter import Context, Params, Preparation
from readbench.models import require_spacy_package, spacy_package
from readbench.types import Document, Token

FILE = "parse.arrow"
INSTALL = "pip install 'readbench[keyphrases]'"
BATCH = 64
# spaCy refuses longer texts by default, for the sake of its parser and entity recogniser, which are
# off here; the tagger works in batches of padded documents and needs about 1 KB a character.
LONGEST = 10_000_000


@dataclass(frozen=True, slots=True)
class ParsedSentence:
    """One sentence; the five lists are equally long. ``stems`` are lower-cased Porter stems."""

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
    """spaCy's tokens, tags, lemmas and sentences, with pke's tokenizer rule that keeps hyphenated
    words whole, and NLTK's Porter stems (Snowball's ``porter``), as pke computes them."""

    name: ClassVar[str] = "parse"
    requires: ClassVar[tuple[str, ...]] = ("spacy", "pke")
    install: ClassVar[str] = INSTALL

    class Params(Params):
        model: str = Field("en_core_web_sm", description="spaCy model")

    def modules(self) -> tuple[str, ...]:
        package = spacy_package(self.params.model)
        return self.requires if package is None else (*self.requires, package)

    def missing(self) -> None:
        super().missing()
        require_spacy_package(self.params.model)

    def build(self, documents: Sequence[Document], folder: Path, context: Context) -> None:
        """A document that brings its own annotation is taken as annotated; the others are parsed."""
        import pyarrow as pa
        from nltk.stem.snowball import SnowballStemmer

        stem = _memoised(SnowballStemmer("porter").stem)
        schema = pa.schema(
            [("id", pa.string()), ("word", pa.list_(pa.string())), ("lemma", pa.list_(pa.string())),
             ("pos", pa.list_(pa.string())), ("offset", pa.list_(pa.int32())),
             ("space", pa.list_(pa.bool_())), ("sentence", pa.list_(pa.int32())),
             ("stem", pa.list_(pa.string()))]
        )  # fmt: skip
        plain = [document for document in documents if document.annotation is None]
        nlp = self._model() if plain else None
        context.progress(0, len(documents))
        texts = (context.task.text(document) for document in plain)
        parses = nlp.pipe(texts, batch_size=BATCH) if nlp is not None else iter(())
        with pa.OSFile(str(folder / FILE), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
            rows: list[dict[str, Any]] = []
            for done, document in enumerate(documents, start=1):
                row = (
                    _of_spacy(next(parses))
                    if document.annotation is None
                    else _of_tokens(document.annotation)
                )
                rows.append({"id": document.id, **row, "stem": [stem(word) for word in row["word"]]})
                if done % BATCH == 0 or done == len(documents):
                    writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=schema))
                    rows = []
                    context.progress(done, len(documents))

    def _model(self) -> Any:
        """What pke does to the model that it is given, done to one that nobody else holds."""
        from pke.readers import infix_re

        package = require_spacy_package(self.params.model)
        nlp = importlib.import_module(package).load(disable=["ner", "textcat", "parser"])
        nlp.add_pipe("sentencizer")
        nlp.tokenizer.infix_finditer = infix_re.finditer
        nlp.max_length = LONGEST
        return nlp

    def open(self, folder: Path) -> ParsedDocuments:
        return ParsedDocuments(folder / FILE)


def _of_spacy(parsed: Any) -> dict[str, list[Any]]:
    return {
        "word": [token.text for token in parsed],
        "lemma": [token.lemma_ for token in parsed],
        "pos": [token.pos_ or token.tag_ for token in parsed],
        "offset": [token.idx for token in parsed],
        "space": [bool(token.whitespace_) for token in parsed],
        "sentence": [sentence.end for sentence in parsed.sents],
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


def _memoised(stem: Any) -> Any:
    known: dict[str, str] = {}

    def stem_word(word: str) -> str:
        if word not in known:
            known[word] = stem(word).lower()
        return known[word]

    return stem_word
