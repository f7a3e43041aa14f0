"""Comparisons as tests make them, and sides that are not as they were measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from readbench.cli import main
from readbench.compare.paired import Side
from readbench.compare.runs import MethodChange, Questions, RunComparison, compare_runs, shown_metrics
from readbench.results.manifest import Manifest


def compared(before: Side, after: Side) -> RunComparison:
    return compare_runs(before, after, Questions(shown_metrics(before, after)))


def method(comparison: RunComparison, name: str) -> MethodChange:
    return next(found for found in comparison.methods if found.method == name)


def changed(side: Side, **update: object) -> Side:
    manifest = Manifest.model_validate(side.manifest.model_dump() | update)
    return Side(side.store, replace(side.board, manifest=manifest))


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out or captured.err
