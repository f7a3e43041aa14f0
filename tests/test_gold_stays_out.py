"""A method that looks for gold wherever it can finds that of the documents to learn from, and no other."""

from __future__ import annotations

from pathlib import Path

from toy_runs import run_toy

SEEKER = """
import json
from pathlib import Path
from readbench.adapter import Adapter, Params, RankedPhrases


class Seeker(Adapter):
    name = "toy.seeker"
    tasks = frozenset({"keyphrases"})

    class Params(Params):
        pass

    def fit(self, train, validation):
        self.learned = sorted(
            id_ for part in (train, validation) for id_ in part.targets.get("keyphrases", {})
        )

    def predict(self, chunk):
        self.order = [*getattr(self, "order", []), *(document.id for document in chunk)]
        self.context.note("order", self.order)
        self.context.note("learned", self.learned)
        found = set()
        for path in sorted(self.context.scratch.parent.rglob("*")):
            if path.suffix == ".jsonl":
                lines = [json.loads(line) for line in path.read_text().splitlines()]
                found |= {line[1] for line in lines if isinstance(line, list) and line[0] == "keyphrases"}
            elif path.is_file() and path.suffix == ".json":
                assert "Keywords" not in path.read_text()
            else:
                assert path.is_dir() or path.name == "progress", path
        self.context.note("found", sorted(found))
        assert not any({"keywords", "keyphrases", "label"} & {*document.fields} for document in chunk)
        return [RankedPhrases((), ()) for _ in chunk]
"""


def test_the_gold_of_test_documents_is_in_no_file_of_the_cell(tmp_path: Path) -> None:
    plan, runner = run_toy(SEEKER, tmp_path, "toy.seeker")
    (cell,) = plan.cells
    record = runner.records[cell.key]
    assert record.status == "ok", record.failure
    to_learn = {*cell.split.train, *cell.split.validation}
    assert set(record.notes["learned"]) == set(record.notes["found"]) == to_learn
    assert not to_learn & {*cell.split.test}


def test_test_documents_come_in_an_order_that_says_nothing(tmp_path: Path) -> None:
    plan, runner = run_toy(SEEKER, tmp_path, "toy.seeker")
    (cell,) = plan.cells
    order = runner.records[cell.key].notes["order"]
    # The first document is predicted once before the clock starts.
    assert sorted(order[1:]) == sorted(cell.split.test)
    assert order[1:] != list(cell.split.test)
