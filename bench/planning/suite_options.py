"""What the command line says about how a suite's documents are read and judged, put into the suite."""

from __future__ import annotations

from typing import Any

from readbench.core.errors import BenchError
from readbench.core.types import Task
from readbench.planning.plan import Options
from readbench.planning.suite import Suite, TaskSection


def with_options(suite: Suite, options: Options) -> Suite:
    """The suite with the language and the positive class of the options.

    Raises BenchError for a positive class where the suite has no labels.
    """
    language = options.reading.get("language")
    if options.positive is not None and "classification" not in suite.tasks:
        raise BenchError(
            "--positive names a class, and the suite has no task classification",
            where=f"suite {suite.name}",
            todo="leave it out, or run a suite of classification",
        )
    tasks: dict[Task, TaskSection] = {}
    for task, section in suite.tasks.items():
        more: dict[str, Any] = {"language": language} if language else {}
        if task == "classification" and options.positive is not None:
            more["positive"] = options.positive
        tasks[task] = section.model_copy(update=more)
    dataset = suite.dataset.model_copy(update={"language": language}) if language else suite.dataset
    return suite.model_copy(update={"tasks": tasks, "dataset": dataset})
