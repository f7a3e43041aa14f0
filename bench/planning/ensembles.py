"""Methods that are made of others: the cells of their members, what is missing there, and what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from readbench.adapter import Context
from readbench.core.errors import BenchError
from readbench.core.types import Part, Task
from readbench.methods.registry import Method, Registry
from readbench.tasks.spec import TaskSpec

if TYPE_CHECKING:
    from readbench.planning.plan import PlannedCell
    from readbench.results.record import Failure, Record


def members_of(method: Method, task: Task, registry: Registry) -> tuple[Method, ...]:
    """The members of a method in its own order; none of an ordinary method.

    Raises BenchError for a member that does not exist, cannot do the task, or is there twice.
    """
    named = method.create(Context(task=TaskSpec(task=task))).needs().members
    where = f"method {method.spec}"
    members = []
    for spec in named:
        member = registry.method(spec)
        if task not in member.adapter.tasks:
            raise BenchError(f"its member {member.adapter.name} does not do the task {task}", where=where)
        members.append(member)
    specs = [member.spec for member in members]
    twice = sorted({spec for spec in specs if specs.count(spec) > 1})
    if twice:
        raise BenchError(f"its member {twice[0]} is named twice", where=where)
    return tuple(members)


def with_members(named: Iterable[Method], task: Task, registry: Registry) -> list[Method]:
    """The methods and the members of the ensembles among them, each once, a member before its ensemble. A
    member that the suite does not name is a row like any other.

    Raises BenchError as ``members_of`` does, and for a method that is a member of itself.
    """
    order: dict[str, Method] = {}

    def visit(method: Method, above: tuple[str, ...]) -> None:
        path = (*above, method.spec)
        if method.spec in above:
            raise BenchError(f"it is a member of itself: {' -> '.join(path)}", where=f"method {path[0]}")
        if method.spec not in order:
            for member in members_of(method, task, registry):
                visit(member, path)
            order[method.spec] = method

    for method in named:
        visit(method, ())
    return list(order.values())


def is_stochastic(method: Method, task: Task, registry: Registry) -> bool:
    """Whether a method depends on the seed, by itself or through a member."""
    return any(one.adapter.stochastic for one in with_members([method], task, registry))


def missing_member(members: Sequence[PlannedCell]) -> str:
    """What is missing where a member cannot run here; "" where all can."""
    for cell in members:
        if cell.state == "missing":
            return f"its member {cell.method.spec} cannot run here: {cell.why}"
    return ""


def no_validation_part(method: Method, *, judged_on: Part) -> BenchError:
    """What is wrong with a learned ensemble that has no validation part to learn from."""
    where = f"method {method.spec}"
    if judged_on == "validation":
        what = "it learns from the validation part, and where that is judged on nothing is left to learn from"
        todo = "name its parameters in methods, and no such ensemble as a member of another"
        return BenchError(what, where=where, todo=todo)
    return BenchError(
        "it learns from what its members predict for the validation part, and the split has none",
        where=where,
        todo='set validation in its [split]; kind = "given" where the corpus has official parts',
    )


ON_VALIDATION = " on the validation part"


def why_again(record: Record, members: Sequence[PlannedCell], learns_from: Sequence[PlannedCell]) -> str:
    """Why the stored cell of an ensemble must run again because of its members; "" where it need not. Its key
    holds the keys of its members, not their predictions: another run may have replaced these."""
    parts = (
        (members, record.member_predictions, ""),
        (learns_from, record.learned_predictions, ON_VALIDATION),
    )
    for cells, predicted, place in parts:
        if cells and record.status == "ok" and not predicted:
            return f"its record does not say what its members predicted{place}"
        for cell in cells:
            spec = cell.method.spec
            if cell.state == "run":
                return f"its member {spec} runs again{place}"
            now = cell.stored.predictions_digest if cell.stored else None
            if record.status == "ok" and predicted.get(spec) != now:
                return f"its member {spec} predicts something else by now{place}"
    stands_on = (*members, *learns_from)
    if (
        stands_on
        and record.status == "skipped"
        and all(c.stored and c.stored.status == "ok" for c in stands_on)
    ):
        return "its members are there now"
    return ""


def failed_member(records: Iterable[Record | None], place: str = "") -> Failure | None:
    """The failure of a cell one of whose members did not end ok; None where all did. ``place``: where that
    was, if not on the test part."""
    from readbench.results.record import Failure

    for record in records:
        if record is not None and record.status != "ok":
            told = record.failure
            why = f": {told.type}: {told.message}" if told else ""
            return Failure(
                type="Skipped",
                message=f"its member {record.method} ended {record.status}{place}{why}",
            )
    return None
