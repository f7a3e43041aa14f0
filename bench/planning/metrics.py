"""Which metrics a suite asks for, and whether they can read its texts."""

from __future__ import annotations

from dataclasses import dataclass

from readbench.core.errors import BenchError
from readbench.core.types import Task
from readbench.planning.suite import Suite
from readbench.tasks import get_task
from readbench.tasks.base import TaskDefinition
from readbench.tasks.metric import Metric
from readbench.text.languages import language_code


@dataclass(frozen=True)
class BoardMetrics:
    """``primary`` ranks, ``columns`` stand beside it, ``reference`` is compared with values from
    elsewhere."""

    primary: Metric
    columns: tuple[Metric, ...]
    reference: Metric | None = None

    def each(self) -> tuple[Metric, ...]:
        """All of them, each once."""
        more = () if self.reference is None else (self.reference,)
        return tuple(dict.fromkeys((self.primary, *self.columns, *more)))


def board_metrics(suite: Suite, task: Task) -> BoardMetrics:
    """The metrics of a task's board: what the suite says, else what is usual for the task.

    Raises BenchError for a metric that the task does not have, with the key that names it.
    """
    section, definition = suite.tasks[task], get_task(task)
    where = f"suite {suite.name}, task {task}"
    primary = _metric(definition, section.primary or definition.primary, f"{where}, primary")
    names = section.board or tuple(name for name in definition.board if name != primary.id)
    columns = tuple(_metric(definition, name, f"{where}, board") for name in names)
    if section.reference is None:
        return BoardMetrics(primary, columns)
    return BoardMetrics(
        primary, columns, _metric(definition, section.reference.metric, f"{where}, reference")
    )


def _metric(definition: TaskDefinition, name: str, where: str) -> Metric:
    try:
        return definition.metric(name)
    except BenchError as error:
        raise BenchError(error.what, where=where, todo=error.todo) from None


def check_languages(board: BoardMetrics, language: str, where: str) -> None:
    """Raises BenchError for a metric that does not read the language of the texts."""
    for metric in board.each():
        if metric.language is not None and language_code(language) != metric.language:
            raise BenchError(
                f"it reads {metric.language!r} and the texts are {language!r}",
                where=f"{where}, metric {metric.id}",
                todo=f"take a metric without the prefix {metric.id.partition('.')[0]}.",
            )
