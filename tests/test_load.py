"""Other work on the machine: told from the run's own, kept with each cell, and marked on the board."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from bench_process import Bench, records, write_suite
from gate_runs import GateRuns
from rich.console import Console

from readbench.machine import load
from readbench.machine.load import Load, LoadWatch
from readbench.report.markup import as_json, as_markdown
from readbench.report.terminal import print_board
from readbench.report.words import closing_sentence, shown_cost
from readbench.results.cost_table import COST_TABLE
from readbench.results.leaderboard import Leaderboard, Row
from readbench.results.record import ProcessorUse

QUIET = ProcessorUse(cell_s=1.0, load_average=1.0, others=0.1, stolen=0.0, processors=2)
DISTURBED = ProcessorUse(
    cell_s=1.0, load_average=9.0, others=1.7, stolen=0.1, processors=2, beside_other_work=True
)


class Processors:
    """Two processors, and what the kernel has counted on them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = self.busy_s = self.stolen_s = self.own_s = 0.0
        monkeypatch.setattr(load, "monotonic", lambda: self.at)
        monkeypatch.setattr(load, "_processors", lambda: (1000 + self.busy_s, self.stolen_s))
        monkeypatch.setattr(load, "_own_ticks", lambda: int(self.own_s * os.sysconf("SC_CLK_TCK")))
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})

    def go_on(self, seconds: float, own: float = 0.0, others: float = 0.0, stolen: float = 0.0) -> None:
        """So many seconds pass; the others are processors that were busy on average."""
        self.at += seconds
        self.own_s += own * seconds
        self.busy_s += (own + others) * seconds
        self.stolen_s += stolen * seconds


@pytest.fixture
def processors(monkeypatch: pytest.MonkeyPatch) -> Processors:
    return Processors(monkeypatch)


def measured(processors: Processors, seconds: float = 10.0, **busy: float) -> Load:
    watch = LoadWatch()
    processors.go_on(2.0, **busy)
    watch.tick()
    begun = watch.begin()
    processors.go_on(seconds, **busy)
    found = watch.end(begun)
    assert found is not None
    return found


def test_the_cell_and_the_runner_beside_it_are_no_other_work(processors: Processors) -> None:
    found = measured(processors, own=2.0, others=0.1)
    assert found.others == pytest.approx(0.1)
    assert not found.disturbs(threads=1)


@pytest.mark.parametrize(
    ("busy", "threads", "disturbs"),
    [
        ({"own": 1.0, "others": 0.2}, 1, False),
        ({"own": 1.0, "others": 0.4}, 1, True),
        ({"own": 1.0, "stolen": 0.4}, 1, True),
        ({"own": 1.0, "others": 0.15, "stolen": 0.15}, 1, True),
        ({"own": 2.0, "others": 0.2}, 2, False),
        ({"own": 1.5, "others": 0.4}, 2, True),
    ],
)
def test_what_takes_a_quarter_of_what_is_free_disturbs(
    processors: Processors, busy: dict[str, float], threads: int, disturbs: bool
) -> None:
    assert measured(processors, **busy).disturbs(threads) is disturbs


def test_on_a_big_machine_there_is_room_for_others() -> None:
    found = Load(others=6.0, stolen=0.0, processors=64, before=7.0, after=7.0)
    assert not found.disturbs(threads=1)
    assert replace(found, others=20.0).disturbs(threads=1)


def test_a_short_cell_is_judged_by_the_second_before_it_too(processors: Processors) -> None:
    watch = LoadWatch()
    for _ in range(5):
        processors.go_on(1.0, others=0.05)
        watch.tick()
    begun = watch.begin()
    # A hundredth of a second is the least that the kernel counts.
    processors.go_on(0.02, own=0.5, others=0.5)
    found = watch.end(begun)
    assert found is not None
    assert found.others < 0.1


def burn(seconds: float) -> Callable[[], None]:
    def work() -> None:
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass

    return work


def test_what_children_did_that_have_ended_is_ones_own() -> None:
    before = load._own_ticks()
    pid = os.fork()
    if pid == 0:
        burn(0.3)()
        os._exit(0)
    os.waitpid(pid, 0)
    ticks = os.sysconf("SC_CLK_TCK")
    assert 0.25 * ticks <= load._own_ticks() - before


@contextmanager
def busy_machine() -> Iterator[None]:
    """Twice as many processes as there are processors, none of them a child of the run."""
    code = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: sum(range(10000))"
    burners = [
        subprocess.Popen([sys.executable, "-S", "-c", code]) for _ in range(2 * len(os.sched_getaffinity(0)))
    ]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


@pytest.mark.alone
def test_a_cell_beside_other_work_is_marked(bench: Bench, tmp_path: Path) -> None:
    suite = write_suite(tmp_path, ["hostile.good"])
    with busy_machine():
        done = bench("run", suite, "--limit", "12", "--output-path", tmp_path / "results")
    assert done.returncode == 0, done.stderr
    processor = records(tmp_path / "results")["hostile.good"]["processor"]
    assert processor["beside_other_work"] is True
    assert processor["others"] > 0.25
    assert "Measured while other programs" in done.stdout


def board_with(gate_runs: GateRuns, *uses: ProcessorUse) -> Leaderboard:
    """Two methods without a significant difference, the second at a tenth of the cost of the first."""
    board = gate_runs.side("before").board
    (table,) = (table for table in board.tables if len(table.rows) >= 2)
    rows: list[Row] = []
    for row, use, rate in zip(table.rows, uses, (10.0, 100.0), strict=False):
        costs = row.costs.model_copy(update={"documents_per_s_marginal": rate, "cpu_s": 1.0 / rate})
        facts = tuple(record.model_copy(update={"processor": use}) for record in row.records)
        rows.append(replace(row, ranks=(1, 2), costs=costs, records=facts))
    names = [row.method for row in rows]
    alike = {"names": names, "p": [[1.0, 1.0], [1.0, 1.0]], "rank_ranges": [[1, 2], [1, 2]]}
    return replace(board, tables=(replace(table, rows=tuple(rows), statistics=alike),))


def in_terminal(board: Leaderboard) -> str:
    console = Console(width=200, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    print_board(board, console)
    return console.export_text()


def test_an_idle_machine_leaves_no_mark(gate_runs: GateRuns) -> None:
    board = board_with(gate_runs, QUIET, QUIET)
    assert "a tenth of the cost per document" in closing_sentence(board.tables[0])
    assert "100*" not in in_terminal(board)
    assert "beside other work" not in in_terminal(board) + as_markdown(board)
    assert [row["beside_other_work"] for row in json.loads(as_json(board))["rows"]] == [False, False]


def test_speeds_beside_other_work_are_marked_and_compared_with_nothing(gate_runs: GateRuns) -> None:
    board = board_with(gate_runs, QUIET, DISTURBED)
    disturbed = board.tables[0].rows[1].method
    closing = closing_sentence(board.tables[0])
    assert "cost" not in closing
    assert "not significantly better" in closing
    shown = in_terminal(board)
    assert "100*  " in shown
    speed = COST_TABLE["documents_per_s_marginal"]
    assert [shown_cost(row, speed) for row in board.tables[0].rows] == ["10", "100*"]
    assert (
        f"Measured while other programs used the machine ({disturbed}; they took up to 1.8 of 2 processors)"
        in shown
    )
    markdown = as_markdown(board)
    assert "100\\*" in markdown
    assert "Measured while other programs" in markdown
    rows = json.loads(as_json(board))["rows"]
    assert [row["beside_other_work"] for row in rows] == [False, True]


def test_memory_is_no_speed(gate_runs: GateRuns) -> None:
    board = board_with(gate_runs, DISTURBED, DISTURBED)
    lines = [line for line in in_terminal(board).splitlines() if "100*" in line]
    assert lines
    assert all("MiB*" not in line for line in lines)


def test_a_board_is_sorted_by_processor_time_too(gate_runs: GateRuns) -> None:
    board = board_with(gate_runs, QUIET, QUIET)
    assert all(row.costs.cpu_s is not None for row in board.tables[0].rows)
    record = gate_runs.side("before").board.tables[0].rows[0].record
    assert record is not None
    assert record.costs.cpu_s is not None
    assert record.processor is not None
    assert record.costs.cpu_s == record.processor.predict_s
