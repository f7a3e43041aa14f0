"""The tasks by name; a task's own module is imported when it is first asked for."""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING

from readbench.core.errors import BenchError

if TYPE_CHECKING:
    from readbench.tasks.base import TaskDefinition

__all__ = [
    "base",
    "explain",
    "extraction",
    "get_task",
    "metric",
    "predictions",
    "semantic",
    "spec",
    "task_names",
]

_TASKS = {
    "keyphrases": "readbench.tasks.keyphrases:TASK",
    "classification": "readbench.tasks.classification:TASK",
    "extraction": "readbench.tasks.extraction:TASK",
}


def task_names() -> tuple[str, ...]:
    """The names that ``get_task`` knows."""
    return tuple(_TASKS)


def get_task(name: str) -> TaskDefinition:
    """The task of this name: its metrics and how its predictions are checked, kept and scored.

    Raises BenchError for a name that no task has.
    """
    if name not in _TASKS:
        close = difflib.get_close_matches(name, _TASKS, n=1)
        meant = f"did you mean {close[0]}?" if close else f"use one of: {', '.join(_TASKS)}"
        raise BenchError(f"unknown task {name!r}", todo=meant)
    module, _, attribute = _TASKS[name].partition(":")
    task: TaskDefinition = getattr(importlib.import_module(module), attribute)
    return task
