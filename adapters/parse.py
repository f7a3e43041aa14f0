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
from readbench.types import Document

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
        import pyarrow as pa
        from nltk.stem.snowball import SnowballStemmer
        from pke.readers import infix_re

        package = require_spacy_package(self.params.model)
        nlp = importlib.import_module(package).load(disable=["ner", "textcat", "parser"])
        nlp.add_pipe("sentencizer")
        # What pke does to the model that it is given, done here to a model that nobody else holds.
        nlp.tokenizer.infix_finditer = infix_re.finditer
        nlp.max_length = LONGEST
        stem = _memoised(SnowballStemmer("porter").stem)
        schema = pa.schema(
            [("id", pa.string()), ("word", pa.list_(pa.string())), ("lemma", pa.list_(pa.string())),
             ("pos", pa.list_(pa.string())), ("offset", pa.list_(pa.int32())),
             ("space", pa.list_(pa.bool_())), ("stem", pa.list_(pa.string())),
             ("sentence", pa.list_(pa.int32()))]
        )  # fmt: skip
        context.progress(0, len(documents))
        done = 0
        with pa.OSFile(str(folder / FILE), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
            texts = (context.task.text(document) for document in documents)
            rows: dict[str, list[Any]] = {name: [] for name in schema.names}
            for document, parsed in zip(documents, nlp.pipe(texts, batch_size=BATCH), strict=True):
                rows["id"].append(document.id)
                rows["word"].append([token.text for token in parsed])
                rows["lemma"].append([token.lemma_ for token in parsed])
                rows["pos"].append([token.pos_ or token.tag_ for token in parsed])
                rows["offset"].append([token.idx for token in parsed])
                rows["space"].append([bool(token.whitespace_) for token in parsed])
                rows["stem"].append([stem(token.text) for token in parsed])
                rows["sentence"].append([sentence.end for sentence in parsed.sents])
                done += 1
                if done % BATCH == 0 or done == len(documents):
                    writer.write_batch(pa.record_batch(rows, schema=schema))
                    rows = {name: [] for name in schema.names}
                    context.progress(done, len(documents))

    def open(self, folder: Path) -> ParsedDocuments:
        return ParsedDocuments(folder / FILE)


def _memoised(stem: Any) -> Any:
    known: dict[str, str] = {}

    def stem_word(word: str) -> str:
        if word not in known:
            known[word] = stem(word).lower()
        return known[word]

    return stem_word
