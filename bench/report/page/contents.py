"""What a page shows, read from the results folder and computed, before any of it is written as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from readbench.compare.paired import Side
from readbench.core.errors import BenchError
from readbench.report.page.chart_parts import Named
from readbench.report.page.corpus import Corpus, read_answers, read_corpus
from readbench.report.page.groups import groupings
from readbench.report.page.history import Step, history_picture, steps_of
from readbench.report.page.packed import TaskDocuments, documents_data
from readbench.report.page.pictures import (
    Picture,
    cost_pictures,
    group_pictures,
    learning_picture,
    marks_of,
    present_picture,
    ranks_picture,
)
from readbench.report.page.pictures_labels import label_pictures
from readbench.report.page.scores import TaskScores, task_scores
from readbench.results.leaderboard import Leaderboard, Table, cells_by_method
from readbench.results.store import Store
from readbench.tasks import get_task


@dataclass(frozen=True)
class TaskContents:
    """One task. ``pairs`` is what the page says of two methods of it; ``missing`` whose scores or answers are
    gone, and why."""

    table: Table
    marks: Mapping[str, Named]
    pictures: Sequence[Picture]
    pairs: Mapping[str, Any]
    missing: Mapping[str, str]


@dataclass(frozen=True)
class PageContents:
    """``documents`` is None where no document was scored; ``why_no_texts`` says why they have no texts, empty
    where they have some. ``steps`` and ``history`` are there where there are several runs."""

    board: Leaderboard
    tasks: Sequence[TaskContents]
    documents: Mapping[str, Any] | None
    why_no_texts: str
    steps: Sequence[Step] = ()
    history: Sequence[Picture] = ()

    @property
    def texts(self) -> bool:
        return not self.why_no_texts


def in_order_of_time(sides: Sequence[Side]) -> list[Side]:
    """The oldest first. Raises BenchError for runs of several suites, which are no history of one another."""
    suites = list(dict.fromkeys(side.manifest.suite for side in sides))
    if len(suites) > 1:
        raise BenchError(
            f"the runs are of {len(suites)} suites: {', '.join(suites)}",
            todo="write a page for each: the further runs of a page are the history of the newest",
        )
    return sorted(sides, key=lambda side: side.manifest.started_at)


MOST_DOCUMENTS = 20_000
"""With their texts: a browser unpacks all of them at once, which are then some 35 MB."""

LEFT_OUT = "This page was made without the texts of the documents (--without-texts)."


def read_contents(sides: Sequence[Side], *, texts: bool) -> PageContents:
    """Everything that the page of a run shows: of the newest one, where there are several.

    Raises BenchError where they are not of one suite.
    """
    sides = in_order_of_time(sides)
    board, store = sides[-1].board, sides[-1].store
    corpus = read_corpus(store, board.manifest.fingerprint)
    tested = max((table.settings.tested for table in board.tables), default=0)
    why = corpus.missing if texts else LEFT_OUT
    if not why and tested > MOST_DOCUMENTS:
        why = f"A page holds the texts of {MOST_DOCUMENTS:,} documents at most, and these are {tested:,}."
    tasks: list[TaskContents] = []
    shown: list[TaskDocuments] = []
    for table in board.tables:
        if not table.rows:
            continue
        scores = task_scores(board, table, store)
        missing = dict(scores.missing)
        answers = {} if why else _answers(board, table, store, scores, missing)
        marks = marks_of(table, len(tasks))
        pictures = _pictures(table, scores, corpus, marks)
        tasks.append(TaskContents(table, marks, pictures, pairs_data(table, scores), missing))
        if scores.ids:
            shown.append(TaskDocuments(scores, answers))
    documents = documents_data(shown, corpus, texts=not why) if shown else None
    steps = steps_of(sides)
    over_runs = (history_picture(sides, steps, task.table, task.marks) for task in tasks if steps)
    history = [picture for picture in over_runs if picture is not None]
    return PageContents(board, tasks, documents, why, steps, history)


def _answers(
    board: Leaderboard, table: Table, store: Store, scores: TaskScores, missing: dict[str, str]
) -> dict[str, Any]:
    cells = cells_by_method(board.manifest, table.task)
    found = {}
    for method in scores.samples:
        answers = read_answers(store, cells[method], table.task)
        if answers is None:
            missing[method] = "its predictions are gone or damaged"
        else:
            found[method] = answers
    return found


def _pictures(table: Table, scores: TaskScores, corpus: Corpus, marks: Mapping[str, Named]) -> list[Picture]:
    found = list(cost_pictures(table, marks))
    ranks = ranks_picture(table, marks)
    present, learning = present_picture(table, marks), learning_picture(table, marks)
    found += [picture for picture in (ranks, present, learning) if picture is not None]
    if scores.ids:
        targets = corpus.targets.get(table.task, {})
        if table.task == "classification":
            found += label_pictures(scores)
        found += group_pictures(scores, groupings(scores, corpus.documents, targets), marks)
    return found


def pairs_data(table: Table, scores: TaskScores) -> dict[str, Any]:
    """The difference of each two methods by the primary metric, its interval, and the adjusted p-value; in
    the order of ``methods``: first and second, first and third, …, second and third."""
    names = list(scores.samples)
    known = {name: place for place, name in enumerate(table.statistics.get("names", ()))}
    p = table.statistics.get("p", ())
    gaps = []
    for gap in scores.gaps if len(names) > 1 else ():
        adjusted = None
        if gap.first in known and gap.second in known:
            adjusted = p[known[gap.first]][known[gap.second]]
        gaps.append([_rounded(value) for value in (gap.difference, gap.low, gap.high, adjusted)])
    return {
        "task": table.task,
        "metric": scores.primary,
        "better": 1 if _better(table) else -1,
        "test": table.statistics.get("test", "not tested"),
        "methods": names,
        "gaps": gaps,
    }


def _better(table: Table) -> bool:
    """Whether more of the primary metric is better."""
    return get_task(table.task).metric(table.primary).higher_is_better


def _rounded(value: float | None) -> float | None:
    return None if value is None or value != value else round(value, 6)
