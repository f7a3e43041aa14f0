"""Annotation that a corpus brings along: JSON Lines of sentences of [word, lemma, Penn tag]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from readbench.core.errors import BenchError
from readbench.core.types import Dataset, Token
from readbench.datasets.jsonl_reader import json_objects
from readbench.datasets.lines import check_text, shown
from readbench.datasets.values import scalar

_TODO = 'write {"id": "ID", "sentences": [[["word", "lemma", "TAG"], …], …]}'


def with_annotation(dataset: Dataset, annotation: Mapping[str, tuple[Token, ...]]) -> Dataset:
    """The dataset with these tokens, by document id; a document that has none keeps None and is counted."""
    documents = tuple(
        replace(document, annotation=annotation.get(document.id)) for document in dataset.documents
    )
    lacking = sum(document.annotation is None for document in documents)
    news = {
        "no annotation": lacking,
        "annotation without a document": len(annotation) - (len(documents) - lacking),
    }
    remarks = {**dataset.remarks, **{what: number for what, number in news.items() if number}}
    return replace(dataset, documents=documents, remarks=remarks)


def read_annotation(path: Path, encoding: str) -> dict[str, tuple[Token, ...]]:
    """Tokens by document id.

    Offsets count in the text that the words make when joined by single spaces, whatever the fields
    of the document look like. Penn tags become ADJ (J*), NOUN (N*) and X (all others), as in Gallina,
    Boudin and Daille: Large-Scale Evaluation of Keyphrase Extraction Models (JCDL 2020).
    Raises BenchError for lines of another shape, and for an id that is there twice.
    """
    annotation: dict[str, tuple[Token, ...]] = {}
    for place, value in json_objects(path, encoding):
        where = f"{path}, {place}"
        id_ = scalar(value.get("id"), "id", where)
        if not id_:
            raise BenchError("the id is empty", where=where, todo=_TODO)
        if id_ in annotation:
            raise BenchError(
                f"the id {shown(id_)} is there again", where=where, todo="annotate a document once"
            )
        annotation[id_] = _tokens(value.get("sentences"), where)
    return annotation


def _tokens(sentences: object, where: str) -> tuple[Token, ...]:
    if not isinstance(sentences, list) or not all(isinstance(sentence, list) for sentence in sentences):
        raise BenchError("the sentences are no list of lists", where=where, todo=_TODO)
    tokens: list[Token] = []
    offset = 0
    for index, sentence in enumerate(sentences):
        for token in sentence:
            if not _is_token(token):
                raise BenchError(
                    f"a token of sentence {index + 1} is {shown(repr(token))}", where=where, todo=_TODO
                )
            word, lemma, tag = map(str, token)
            check_text(word, where)
            check_text(lemma, where)
            tokens.append(Token(word, lemma, universal(tag), offset, True, index))
            offset += len(word) + 1
    return tuple(tokens)


def _is_token(token: object) -> bool:
    return isinstance(token, list) and len(token) == 3 and all(isinstance(part, str) for part in token)


def universal(penn: str) -> str:
    """The universal tag of a Penn tag, as far as noun phrases need one: ADJ, NOUN or X."""
    if penn.startswith("J"):
        return "ADJ"
    return "NOUN" if penn.startswith("N") else "X"
