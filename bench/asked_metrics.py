"""The metrics that a suite asks for, and whether they can be computed here: told before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from readbench.adapter import Context, MissingDependency, Preparation
from readbench.engine.child import find_preparation
from readbench.errors import BenchError
from readbench.language_codes import language_code
from readbench.registry import Registry
from readbench.suite import Suite
from readbench.tasks import get_task
from readbench.tasks.metric import Metric
from readbench.tasks.spec import TaskSpec
from readbench.types import Task

ENCODER, ENCODER_PATH = "keybert", ("embeddings",)
"""The method whose preparation embeds phrases, and how it is reached there: by name, as a plan does it."""


def asked_metrics(suite: Suite, task: Task) -> tuple[Metric, ...]:
    """What ranks, what stands beside it, and what is compared with values from elsewhere.

    Raises BenchError for a metric that the task does not have.
    """
    section, definition = suite.tasks[task], get_task(task)
    reference = (section.reference.metric,) if section.reference else ()
    names = (section.primary or definition.primary, *(section.board or definition.board), *reference)
    return tuple(definition.metric(name) for name in dict.fromkeys(names))


def check_metrics(suite: Suite, include_paths: Sequence[Path] = ()) -> None:
    """Raises BenchError for a metric that a task does not have, that does not read the suite's language,
    or that lacks a library here."""
    for task in suite.tasks:
        language = suite.spec(task).language
        for metric in asked_metrics(suite, task):
            where = f"suite {suite.name}, metric {metric.id}"
            if metric.language is not None and language_code(language) != metric.language:
                raise BenchError(
                    f"it reads {metric.language!r} and the texts are {language!r}",
                    where=where,
                    todo=f"take a metric without the prefix {metric.id.partition('.')[0]}.",
                )
            if metric.vectors:
                try:
                    encoder(include_paths).missing()
                except MissingDependency as error:
                    raise MissingDependency(error.what, where=where, todo=error.todo) from None


def encoder(include_paths: Sequence[Path] = ()) -> Preparation:
    """What embeds phrases. Imports no model library."""
    method = Registry(include_paths).method(ENCODER)
    return find_preparation(method.create(Context(task=TaskSpec(task="keyphrases"))), ENCODER_PATH)
