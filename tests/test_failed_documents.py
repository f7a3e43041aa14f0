"""A document on which a method raises is a failed document, scored as an empty answer; a method that raises
on most of them, or in a way that is no document's, has failed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from toy_methods import HEAD
from toy_runs import run_toy

from readbench.engine.runner import Runner
from readbench.results.record import Record
from readbench.results.tables import PREDICTIONS, read_columns

PICKY = (
    HEAD
    + """
class Picky(Silent):
    name = "toy.picky"
    chunk_size = 4
    calls = 0

    class Params(Params):
        bad: tuple[int, ...] = ()
        how: str = "alone"

    def predict(self, chunk):
        type(self).calls += 1
        self.context.note("calls", self.calls)
        return [self.answer(document, len(chunk)) for document in chunk]

    def answer(self, document, together):
        if self.params.how == "warm-up" and self.calls == 1:
            raise ValueError("not yet")
        if int(document.id.rpartition("-")[2]) in self.params.bad:
            if self.params.how == "together" and together == 1:
                return RankedPhrases(("graph",), (1.0,))
            if self.params.how == "memory":
                raise MemoryError
            raise ValueError(f"a number is missing in {document.id}")
        if self.params.how == "short":
            return RankedPhrases(("graph",), ())
        words = tuple(dict.fromkeys(document.fields["title"].split()))
        return RankedPhrases(words, (1.0,) * len(words))
"""
)
TESTED = 9
"""Documents of a run with 30."""


def the_record(runner: Runner) -> Record:
    (record,) = runner.records.values()
    return record


def run_picky(
    folder: Path, bad: list[int], how: str = "alone", source: str = PICKY, **options: Any
) -> Runner:
    spec = f"toy.picky[bad={json.dumps(bad)}, how={how}]"
    return run_toy(source, folder, spec, **options)[1]


def predictions(runner: Runner) -> dict[str, list[str]]:
    columns = read_columns(runner.store.cell(the_record(runner).key) / PREDICTIONS)
    return dict(zip(columns["id"], columns["phrases"], strict=True))


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What the method predicts where it raises nothing, by document."""
    return predictions(run_picky(tmp_path_factory.mktemp("good"), []))


def numbers(tested: dict[str, list[str]], count: int) -> list[int]:
    """So many of the documents, as the method knows them."""
    return [int(id_.rpartition("-")[2]) for id_ in sorted(tested)[:count]]


def test_documents_on_which_it_raises_are_failed_ones(tmp_path: Path, tested: dict[str, list[str]]) -> None:
    bad = numbers(tested, 2)
    runner = run_picky(tmp_path, bad)
    record = the_record(runner)
    assert record.status == "ok", record.failure
    failed = record.failed_documents
    assert failed is not None
    assert (failed.count, failed.of) == (2, len(tested))
    assert {one.id for one in failed.first} == set(sorted(tested)[:2])
    assert {one.type for one in failed.first} == {"ValueError"}
    assert failed.first[0].message == f"a number is missing in {failed.first[0].id}"
    empty: dict[str, list[str]] = {id_: [] for id_ in sorted(tested)[:2]}
    assert predictions(runner) == tested | empty
    assert record.counts["empty_predictions"] == 2
    assert record.metrics["f1@10"].n == len(tested)
    assert not list((tmp_path / "results").glob("unfinished/*"))


@pytest.mark.parametrize(("failing", "status"), [(0, "ok"), (4, "ok"), (5, "failed"), (9, "failed")])
def test_a_method_that_raises_on_more_than_half_has_failed(
    tmp_path: Path, tested: dict[str, list[str]], failing: int, status: str
) -> None:
    assert len(tested) == TESTED
    record = the_record(run_picky(tmp_path, numbers(tested, failing)))
    assert record.status == status
    if status == "failed":
        assert record.failure is not None
        assert record.failure.type == "ValueError"
        assert record.failure.message.startswith("a number is missing in")
        assert "in answer" in record.failure.traceback
        assert record.failed_documents is not None
        assert record.failed_documents.count == 5  # it was not tried on more


def test_an_error_that_no_document_raises_by_itself_is_the_methods(
    tmp_path: Path, tested: dict[str, list[str]]
) -> None:
    record = the_record(run_picky(tmp_path, numbers(tested, 1), "together"))
    assert record.status == "failed"
    assert record.failure is not None
    assert record.failure.message.startswith("a number is missing in")


@pytest.mark.parametrize(
    ("how", "status", "message"),
    [
        ("memory", "out_of_memory", "the method raised MemoryError"),
        ("warm-up", "failed", "not yet"),
        ("short", "failed", "1 phrases but 0 scores"),
    ],
)
def test_what_is_no_failure_of_a_document(
    tmp_path: Path, tested: dict[str, list[str]], how: str, status: str, message: str
) -> None:
    record = the_record(run_picky(tmp_path, numbers(tested, 1), how))
    assert record.status == status
    assert record.failure is not None
    assert message in record.failure.message


def test_a_method_that_depends_on_the_order_is_not_asked_again(
    tmp_path: Path, tested: dict[str, list[str]]
) -> None:
    source = PICKY.replace("chunk_size = 4", "chunk_size = 4\n    depends_on_order = True")
    record = the_record(run_picky(tmp_path, numbers(tested, 1), source=source))
    assert record.status == "failed"


def test_under_strict_one_document_fails_the_cell(tmp_path: Path, tested: dict[str, list[str]]) -> None:
    """And the answer of a run with --strict does not stand for one without, nor the other way round."""
    bad = numbers(tested, 1)
    statuses = []
    for strict in (False, True, True, False):
        runner = run_picky(tmp_path, bad, strict=strict)
        statuses.append((the_record(runner).status, bool(runner.plan.to_run())))
    assert statuses == [("ok", True), ("failed", True), ("failed", False), ("ok", True)]


def test_time_on_failed_documents_counts(tmp_path: Path, tested: dict[str, list[str]]) -> None:
    """A chunk of four that raises is predicted once together and four times alone."""
    chunks, warm_up = 3, 1
    record = the_record(run_picky(tmp_path, numbers(tested, 1)))
    assert record.notes["calls"] in (chunks + warm_up + 4, chunks + warm_up + 1)
    assert record.costs.predict_s
