"""What goes to the log while a run goes on: the plan with its reasons, and how each cell ended."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from readbench.core.units import show_seconds, show_size
from readbench.engine.reporter import Reporter
from readbench.planning.plan import Plan
from readbench.results.record import Record
from readbench.results.store import Store

logger = logging.getLogger("readbench.run")


class Interface(Protocol):
    """How a run speaks to whoever started it."""

    def planned(self, plan: Plan, store: Store) -> None: ...
    def say(self, line: str) -> None: ...
    def reporter(self, jobs: int) -> AbstractContextManager[Reporter]: ...


class Logged:
    """An interface whose words go to the log as well."""

    def __init__(self, shown: Interface) -> None:
        self.shown = shown

    def planned(self, plan: Plan, store: Store) -> None:
        log_plan(plan, store)
        self.shown.planned(plan, store)

    def say(self, line: str) -> None:
        logger.info("%s", line)
        self.shown.say(line)

    @contextmanager
    def reporter(self, jobs: int) -> Iterator[Reporter]:
        with self.shown.reporter(jobs) as reporter:
            yield LoggedReporter(reporter)


class LoggedReporter:
    """A reporter whose events go to the log as well, but for progress."""

    def __init__(self, shown: Reporter) -> None:
        self.shown = shown

    def doing(self, what: str) -> None:
        logger.info("%s", what)
        self.shown.doing(what)

    def start(self, label: str) -> None:
        logger.info("start %s", label)
        self.shown.start(label)

    def progress(self, label: str, phase: str, done: int, total: int) -> None:
        self.shown.progress(label, phase, done, total)

    def prepared(self, label: str, seconds: float) -> None:
        logger.info("done %s in %s", label, show_seconds(seconds))
        self.shown.prepared(label, seconds)

    def end(self, label: str, record: Record) -> None:
        log_record(label, record)
        self.shown.end(label, record)


def log_plan(plan: Plan, store: Store) -> None:
    """What was read and decided, and what is to happen to each cell."""
    dataset = plan.dataset
    logger.info(
        "suite %s version %s, dataset %s (%s): %d documents, fingerprint %s",
        plan.suite.name,
        plan.suite.version,
        dataset.name,
        dataset.source,
        len(dataset.documents),
        dataset.fingerprint,
    )
    for decision in dataset.decisions:
        logger.info("reader: %s", decision.sentence())
    limits = f"{show_seconds(plan.timeout_s)}, {show_size(plan.memory_bytes)}"
    logger.info("results in %s, seed %d, limits of a cell: %s", store.root, plan.seed, limits)
    for cell in plan.all_cells:
        why = f" ({cell.why})" if cell.why else ""
        logger.info("cell %s of %s: %s%s, key %s", cell.label, cell.task, cell.state, why, cell.key)


def log_record(label: str, record: Record) -> None:
    """How a cell ended; of a failed one what it printed as well."""
    costs = record.costs
    seconds = show_seconds(costs.wall_s)
    logger.info("end %s: %s, %s, %s", label, record.status, seconds, show_size(costs.peak_memory_bytes))
    for name, note in record.notes.items():
        logger.debug("note of %s: %s: %s", label, name, note)
    if record.failure is not None:
        logger.warning("%s: %s: %s", label, record.failure.type, record.failure.message)
        logger.debug("%s printed:\n%s", label, record.failure.output)
        logger.debug("%s raised:\n%s", label, record.failure.traceback)
