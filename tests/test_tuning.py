"""Parameters are chosen on the validation part alone, and the choice is told."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

import readbench
from readbench.core.errors import BenchError
from readbench.methods.registry import Method, Registry
from readbench.planning.grids import combinations, read_grids
from readbench.planning.suite import Tuned, load_suite
from readbench.report.terminal import print_board
from readbench.results.leaderboard import build_leaderboard
from readbench.results.manifest import Chosen
from readbench.results.store import Store
from readbench.results.tables import read_columns

METHOD = '''
from pydantic import Field
from readbench.adapter import Adapter, Params as Base, RankedPhrases


class Lucky(Adapter):
    """Knows the gold of some documents by their ids: a choice can be arranged."""

    name = "test.lucky"
    tasks = frozenset({"keyphrases"})

    class Params(Base):
        helps: str = Field("nobody")

    def predict(self, chunk):
        known = self.params.helps == "everybody"
        return [
            RankedPhrases(("gold " + d.id,), (1.0,))
            if known or d.fields["title"].endswith(self.params.helps)
            else RankedPhrases((), ())
            for d in chunk
        ]
'''

SUITE = """
[split]
kind = "given"
[tasks.keyphrases]
primary = "f1@5"
[[tasks.keyphrases.tuned]]
method = "test.lucky"
params.helps = [{values}]
"""


def files(folder: Path, values: str) -> tuple[Path, Path, Path]:
    """A method, a suite, and papers whose titles end in the name of their part."""
    (folder / "method.py").write_text(METHOD, encoding="utf-8")
    (folder / "suite.toml").write_text(SUITE.format(values=values), encoding="utf-8")
    papers = folder / "papers"
    papers.mkdir()
    for part in ("train", "validation", "test"):
        lines = [
            f'{{"id": "{part}{i}", "title": "of {part}", "keyphrases": ["gold {part}{i}"]}}' for i in range(6)
        ]
        (papers / f"{part}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder / "method.py", folder / "suite.toml", papers


def test_the_validation_part_decides_whatever_the_test_part_says(tmp_path: Path) -> None:
    method, suite, papers = files(tmp_path, '"nobody", "test", "validation"')
    frame = readbench.run(
        str(suite), dataset=papers, include_paths=[method], output_path=tmp_path / "results"
    )
    assert list(frame.method) == ["test.lucky[helps=validation]"]
    assert frame["f1@5"].item() == 0.0
    store = Store(tmp_path / "results")
    manifest = store.manifest(Path(frame.attrs["run"]).name)
    assert {trial.method: trial.value for trial in manifest.trials} == {
        "test.lucky": 0.0,
        "test.lucky[helps=test]": 0.0,
        "test.lucky[helps=validation]": 1.0,
    }
    chosen = manifest.cells[0].chosen
    assert chosen == Chosen(
        asked="test.lucky", combinations=3, documents=6, tuning_s=frame["tuning_s"].item()
    )
    # No trial ever predicted a test document.
    for trial in manifest.trials:
        ids = read_columns(store.cell(trial.key) / "predictions.parquet")["id"]
        assert {id_.rstrip("012345") for id_ in ids} == {"validation"}


def test_a_choice_that_the_suite_also_names_is_one_row(tmp_path: Path) -> None:
    method, suite, papers = files(tmp_path, '"test", "validation"')
    text = suite.read_text(encoding="utf-8")
    named = 'primary = "f1@5"\nmethods = ["test.lucky[ helps=validation ]", "test.lucky"]'
    suite.write_text(text.replace('primary = "f1@5"', named), encoding="utf-8")
    frame = readbench.run(
        str(suite), dataset=papers, include_paths=[method], output_path=tmp_path / "results"
    )
    assert sorted(frame.method) == ["test.lucky", "test.lucky[helps=validation]"]


def test_the_board_tells_what_was_chosen_and_shows_values_from_elsewhere(tmp_path: Path) -> None:
    method, suite, papers = files(tmp_path, '"nobody", "validation"')
    text = suite.read_text(encoding="utf-8")
    reference = 'reference = {label = "notes", metric = "f1@5", values = {"test.lucky" = 0.25}}'
    suite.write_text(text.replace("[[tasks", f"{reference}\n[[tasks"), encoding="utf-8")
    frame = readbench.run(
        str(suite), dataset=papers, include_paths=[method], output_path=tmp_path / "results"
    )
    assert frame.reference.item() == 0.25
    console = Console(width=100, record=True, file=io.StringIO())
    store = Store(tmp_path / "results")
    print_board(build_leaderboard(Path(frame.attrs["run"]).name, store), console)
    board = console.export_text()
    assert "best of 2 on 6 validation documents" in " ".join(board.split())
    assert "notes" in board
    assert "0.250" in board


SLOW = METHOD.replace("test.lucky", "test.slow").replace(
    "    def predict",
    """    def fit(self, train, validation):
        import time

        time.sleep(0.5)

    def predict""",
)


def test_every_combination_that_was_tried_is_charged(tmp_path: Path) -> None:
    method, suite, papers = files(tmp_path, '"nobody", "train", "test", "validation"')
    method.write_text(SLOW, encoding="utf-8")
    named = suite.read_text(encoding="utf-8").replace("test.lucky", "test.slow")
    suite.write_text(named.replace('"f1@5"', '"f1@5"\nmethods = ["test.slow"]'), encoding="utf-8")
    frame = readbench.run(
        str(suite), dataset=papers, include_paths=[method], output_path=tmp_path / "results"
    ).set_index("method")
    # Four fits of half a second, and one more for the test.
    tuned, named_only = frame.loc["test.slow[helps=validation]"], frame.loc["test.slow"]
    assert 2.0 <= tuned["tuning_s"] < 2.0 + 4 * tuned["fit_s"]
    assert 0.5 <= tuned["fit_s"] < 2.0
    assert named_only.isna()["tuning_s"]


def test_of_equals_the_first_one_written_wins(tmp_path: Path) -> None:
    method, suite, papers = files(tmp_path, '"test", "nobody"')
    frame = readbench.run(
        str(suite), dataset=papers, include_paths=[method], output_path=tmp_path / "results"
    )
    assert list(frame.method) == ["test.lucky[helps=test]"]
    (cell,) = Store(tmp_path / "results").manifest(Path(frame.attrs["run"]).name).cells
    assert cell.chosen is not None
    chosen = cell.chosen.model_copy(update={"tuning_s": None})
    assert chosen == Chosen(asked="test.lucky", combinations=2, documents=6, equal=1)
    assert cell.chosen.words == "test.lucky: best of 2 on 6 validation documents, 1 other equally good"


def test_methods_that_are_named_are_taken_as_they_are(tmp_path: Path) -> None:
    method, suite, papers = files(tmp_path, '"test", "nobody"')
    frame = readbench.run(
        str(suite),
        dataset=papers,
        include_paths=[method],
        output_path=tmp_path / "results",
        methods=["test.lucky[helps=everybody]"],
    )
    assert list(frame.method) == ["test.lucky[helps=everybody]"]
    assert frame["f1@5"].item() == 1.0


def test_without_a_validation_part_nothing_can_be_chosen(tmp_path: Path) -> None:
    method, suite, papers = files(tmp_path, '"test", "nobody"')
    suite.write_text(suite.read_text(encoding="utf-8").replace('"given"', '"all"'), encoding="utf-8")
    with pytest.raises(BenchError, match="no validation part; set validation"):
        readbench.run(str(suite), dataset=papers, include_paths=[method], output_path=tmp_path / "results")


def test_a_grid_is_every_combination_in_the_order_written() -> None:
    tuned = Tuned(method="m[a=1]", params={"b": (2, 3), "c": ("x", "y")})
    assert combinations(tuned) == [
        "m[a=1, b=2, c=x]",
        "m[a=1, b=2, c=y]",
        "m[a=1, b=3, c=x]",
        "m[a=1, b=3, c=y]",
    ]


def test_an_empty_list_is_refused_with_its_place(tmp_path: Path) -> None:
    _, suite, _ = files(tmp_path, "")
    with pytest.raises(BenchError, match="helps lists no values"):
        load_suite(suite)


def test_the_best_value_at_the_edge_of_what_was_tried() -> None:
    """Only where all of the equally good have the same end of three or more numbers."""
    tuned = Tuned(method="logreg", params={"C": (0.1, 1, 10), "ngram_max": (1, 2)})
    (grid,) = read_grids([tuned], "classification", Registry(), "suite")
    by_strength: dict[float, list[Method]] = {}
    for method in grid.candidates:
        by_strength.setdefault(method.params.C, []).append(method)
    assert grid.edges(by_strength[0.1]) == ("C",)
    assert grid.edges(by_strength[10][:1]) == ("C",)
    assert grid.edges(by_strength[1]) == ()
    assert grid.edges([by_strength[0.1][0], by_strength[1][0]]) == ()
    assert grid.edges([by_strength[0.1][0], by_strength[10][0]]) == ()
    chosen = Chosen(asked="logreg", combinations=6, documents=50, equal=1, edges=("C",))
    assert chosen.words == (
        "logreg: best of 6 on 50 validation documents, 1 other equally good; C at the edge of what was "
        "tried: wider values may do better"
    )
