"""What the parent and a cell's process give each other, and in which order jobs start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from readbench.core.types import Document, Fact, StatedFacts, Target, Task, Token
from readbench.engine.exchange import (
    prediction_line,
    read_document_lines,
    read_prediction_lines,
    read_target_lines,
    target_lines,
    write_document_lines,
)
from readbench.engine.job import PreparationJob
from readbench.engine.scheduled import Queue, ScheduledJob
from readbench.tasks.spec import TaskSpec

DOCUMENTS = [
    Document("a", {"title": "Line\u2028breaks\r\nof\x85all\x0bkinds\n", "abstract": ""}, "zh"),
    Document("b", {}),
    Document("c", {"text": "Two words"}, "en", ()),
    Document(
        "d",
        {"text": "Two words"},
        "en",
        (Token("Two", "two", "NUM", 0, True, 0), Token("w", "w", "X", 4, False, 0)),
    ),
]


def test_documents_come_back_as_they_were(tmp_path: Path) -> None:
    write_document_lines(DOCUMENTS, tmp_path / "file")
    assert read_document_lines(tmp_path / "file") == DOCUMENTS
    assert [document.id for document in read_document_lines(tmp_path / "file", ["d", "a"])] == ["d", "a"]


def test_gold_comes_back_as_it_was(tmp_path: Path) -> None:
    facts = StatedFacts((Fact("a", "treats", "b", "Drug", "Disease"),), "yes")
    targets: dict[Task, dict[str, Target]] = {
        "keyphrases": {"a": ("one", "two\u2028three"), "b": ()},
        "classification": {"a": "1"},
        "extraction": {"b": facts},
    }
    (tmp_path / "file").write_bytes(target_lines(targets))
    assert read_target_lines(tmp_path / "file") == targets


def test_chunks_of_predictions_become_columns(tmp_path: Path) -> None:
    chunks: list[dict[str, list[Any]]] = [
        {"id": ["a", "b"], "scores": [[0.1, 1e-300], []]},
        {"id": ["c"], "scores": [[1 / 3]]},
    ]
    (tmp_path / "file").write_bytes(b"".join(prediction_line(one) for one in chunks))
    found = read_prediction_lines(tmp_path / "file")
    assert found == {"id": ["a", "b", "c"], "scores": [[0.1, 1e-300], [], [1 / 3]]}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"none",
        b"\xff\xfe\n",
        b"[]\n",
        b"3\n",
        b'{"id": "a"}\n',
        b'{"id": ["a"], "label": []}\n',
        b'{"id": ["a"]}\n{"label": ["1"]}\n',
        b"{}\n",
    ],
)
def test_a_file_that_holds_no_predictions_says_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match=r".+"):
        read_prediction_lines(tmp_path / "file")


def job(name: str, *after: str) -> ScheduledJob:
    work = PreparationJob(
        task=TaskSpec(task="keyphrases", fields=("text",)), device="cpu", threads=1, documents=Path("none")
    )
    return ScheduledJob(
        id=name, label=name, folder=Path(name), job=work, timeout_s=1, memory_bytes=1, after=frozenset(after)
    )


def names(jobs: list[ScheduledJob]) -> list[str]:
    return [one.id for one in jobs]


def test_jobs_start_in_their_order_once_nothing_is_in_their_way() -> None:
    queue = Queue([job("cell 1", "parse", "words"), job("parse"), job("cell 2", "parse"), job("words")])
    started = []
    while (free := queue.next()) is not None:
        started.append(free.id)
    assert started == ["parse", "words"]
    assert queue
    assert queue.end("words", ok=True) == []
    assert queue.next() is None
    assert queue.end("parse", ok=True) == []
    assert [one.id for one in (queue.next(), queue.next()) if one is not None] == ["cell 1", "cell 2"]
    assert not queue


def test_jobs_behind_one_that_failed_are_given_back_once() -> None:
    queue = Queue(
        [job("a"), job("b"), job("both", "a", "b"), job("last", "both"), job("other", "b"), job("free")]
    )
    for _ in range(3):
        assert queue.next() is not None
    assert names(queue.end("a", ok=False)) == ["both"]
    assert names(queue.end("both", ok=False)) == ["last"]
    assert queue.end("b", ok=True) == []
    free = queue.next()
    assert free is not None
    assert free.id == "other"
    assert queue.end("last", ok=False) == []
    assert not queue
