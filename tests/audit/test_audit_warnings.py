"""A run whose methods read a field that gives the label away says so on its board."""

from __future__ import annotations

import builtins
import io
import json
from pathlib import Path
from typing import Any

import pytest
from audit_papers import by_chance, by_label, made_up, write
from rich.console import Console

from readbench.audit import warnings
from readbench.audit.warnings import shortcut_warnings
from readbench.core.escape import for_markdown
from readbench.planning.plan import Options
from readbench.report import markup
from readbench.report.terminal import render
from readbench.results.leaderboard import build_leaderboard
from readbench.results.store import Store
from readbench.runs.interface import Quiet
from readbench.runs.running import run_suite
from readbench.tasks.spec import TaskSpec

pytest.importorskip("sklearn", reason="the shortcut probe needs scikit-learn")

METHOD = '''
"""A method that gives every document the same label."""
from readbench.adapter import Adapter
from readbench.types import PredictedLabel


class Always(Adapter):
    """Says 1, whatever it is asked."""

    name = "test.always"
    tasks = frozenset({"classification"})

    def predict(self, chunk):
        return [PredictedLabel("1", {"0": 0.0, "1": 1.0}) for _ in chunk]
'''

READ = TaskSpec(task="classification", fields=("title", "authors"))


def test_only_fields_that_are_read_are_warned_of(tmp_path: Path) -> None:
    planted = made_up(1, separator=by_label)
    (line,) = shortcut_warnings(planted, READ, tmp_path)
    assert line.startswith("the marks of `authors` alone predict the label")
    safe = TaskSpec(task="classification", fields=("title", "abstract"))
    assert shortcut_warnings(planted, safe, tmp_path) == []
    assert shortcut_warnings(planted, TaskSpec(task="keyphrases", fields=READ.fields), tmp_path) == []
    assert shortcut_warnings(made_up(1, separator=by_chance), READ, tmp_path) == []


def test_warnings_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = made_up(1, separator=by_label)
    first = shortcut_warnings(planted, READ, tmp_path)
    (kept,) = (tmp_path / "audits").iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(warnings, "probe_marks", lambda *_: pytest.fail("probed again"))
        assert shortcut_warnings(planted, READ, tmp_path) == first
    kept.write_text('{"damaged": 1}', encoding="utf-8")
    assert shortcut_warnings(planted, READ, tmp_path) == first
    assert json.loads(kept.read_text(encoding="utf-8")) == first


def test_without_scikit_learn_the_board_says_that_nothing_was_probed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "sklearn":
            raise ImportError(name)
        return real(name, *rest)

    planted = made_up(1, separator=by_label)
    with monkeypatch.context() as patch:
        patch.setattr(builtins, "__import__", without)
        (line,) = shortcut_warnings(planted, READ, tmp_path)
    assert "not probed" in line
    assert "pip install" in line
    # Nothing of it is kept: with scikit-learn there, the probe runs.
    assert "`authors`" in shortcut_warnings(planted, READ, tmp_path)[0]


def test_the_board_carries_the_warning(tmp_path: Path) -> None:
    papers, labels = write(made_up(1, separator=by_label), tmp_path)
    (tmp_path / "always.py").write_text(METHOD, encoding="utf-8")
    suite = tmp_path / "leaky.toml"
    suite.write_text(
        '[tasks.classification]\nfields = ["title", "abstract", "authors"]\nmethods = ["test.always"]\n',
        encoding="utf-8",
    )
    store = Store(tmp_path / "results")
    options = Options(include_paths=(tmp_path / "always.py",))
    finished = run_suite(str(suite), str(papers), labels, options, store, Quiet())
    assert finished.exit_status == 0
    board = build_leaderboard(finished.board.manifest.name, store)
    (line,) = board.tables[0].settings.warnings
    assert "`authors`" in line
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(render(board, 100))
    assert "Warning: the marks of `authors` alone predict the label" in console.export_text()
    assert f"> **Warning**: {for_markdown(line)}" in markup.as_markdown(board)
    assert json.loads(markup.as_json(board))["warnings"] == {"classification": [line]}
