"""What the parent and a cell's process give each other: documents, gold to learn from, and predictions, as
lines of JSON.

A cell's process needs no library for them. Reading Parquet takes two, which weigh more than all else that the
harness holds in there and make every fork slower; what is kept in the results folder becomes Parquet in the
parent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, TextIO

from readbench.core.types import Document, Target, Task, Token, plain_target, target_from_plain

DOCUMENTS = "documents.jsonl"
"""Projected documents, without gold: of all cells of a task."""
TARGETS = "targets.jsonl"
"""The gold of the documents that a cell learns from, in its working folder."""


def write_document_lines(documents: Iterable[Document], path: Path) -> None:
    with path.open("wb") as file:
        file.writelines(map(_document_line, documents))


def _document_line(document: Document) -> bytes:
    tokens = document.annotation
    plain = (
        None if tokens is None else [[getattr(token, name) for name in Token.__slots__] for token in tokens]
    )
    return _line([document.id, dict(document.fields), document.language, plain])


def read_document_lines(path: Path, ids: Iterable[str] | None = None) -> list[Document]:
    """The documents of a file; with ``ids``, those alone and in that order."""
    with _lines(path) as file:
        documents = [_document(*json.loads(line)) for line in file]
    if ids is None:
        return documents
    by_id = {document.id: document for document in documents}
    return [by_id[id_] for id_ in ids]


def _document(id_: str, fields: dict[str, str], language: str, tokens: list[list[Any]] | None) -> Document:
    return Document(id_, fields, language, None if tokens is None else tuple(Token(*one) for one in tokens))


def target_lines(targets: Mapping[Task, Mapping[str, Target]]) -> bytes:
    """The content of a file of targets: their shape is the task's own business."""
    file = BytesIO()
    for task, known in targets.items():
        file.writelines(_line([task, id_, plain_target(target)]) for id_, target in known.items())
    return file.getvalue()


def read_target_lines(path: Path) -> dict[Task, dict[str, Target]]:
    targets: dict[Task, dict[str, Target]] = {}
    with _lines(path) as file:
        for task, id_, plain in map(json.loads, file):
            targets.setdefault(task, {})[id_] = target_from_plain(plain)
    return targets


def prediction_line(columns: Mapping[str, Sequence[Any]]) -> bytes:
    return _line(columns)


def read_prediction_lines(path: Path) -> dict[str, list[Any]]:
    """The columns of everything that was written. Raises ValueError where the file holds something else, and
    OSError where it is not there: a method can do both to it."""
    columns: dict[str, list[Any]] = {}
    for number, chunk in enumerate(_chunks(path)):
        if number and chunk.keys() != columns.keys():
            raise ValueError(f"the file of its predictions has other columns from line {number + 1} on")
        for name, values in chunk.items():
            columns.setdefault(name, []).extend(values)
    if not columns:
        raise ValueError("the file of its predictions is empty")
    return columns


def _chunks(path: Path) -> Iterator[dict[str, list[Any]]]:
    with _lines(path) as file:
        for line in file:
            chunk = json.loads(line)
            columns = chunk.values() if isinstance(chunk, dict) else [None]
            if not all(isinstance(one, list) for one in columns) or len(set(map(len, columns))) > 1:
                raise ValueError("the file of its predictions holds something else")
            yield chunk


def _lines(path: Path) -> TextIO:
    # Only where a line was ended: text may hold other line breaks.
    return path.open(encoding="utf-8", newline="\n")


def _line(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"
