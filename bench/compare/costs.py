"""What a method costs now against what it cost before, and whether the two may be compared."""

from __future__ import annotations

from dataclasses import dataclass

from readbench.compare.paired import Side
from readbench.results.cost_table import COST_TABLE, Cost
from readbench.results.leaderboard import Row

MEMORY_NEEDS = ("system", "architecture", "python")
"""Facts of the machine that must agree before its memory is judged; of Python's version the first two
numbers: a machine of CI gets a new patch release whenever its image is built anew."""


@dataclass(frozen=True)
class CostChange:
    """One cost of one method, by its name in ``COST_TABLE``. ``ratio`` is after over before; what follows the
    pace of the machine is scaled by what the reference workload took in each run. ``judged``: whether the two
    values may be compared; else ``why`` not. ``repeats``: of a size, the largest ratio between cells of one
    run that did the same work on the same fold with another seed; None where none was repeated."""

    cost: str
    before: float | None
    after: float | None
    ratio: float | None
    judged: bool
    why: str = ""
    repeats: float | None = None

    @property
    def definition(self) -> Cost:
        return COST_TABLE[self.cost]


def compare_costs(before: Side, after: Side, old: Row, new: Row) -> tuple[CostChange, ...]:
    """Every cost that either side has."""
    foreign = _why_not_its_own(before, old, "before") or _why_not_its_own(after, new, "after")
    speed = foreign or _why_not_speed(before, after) or _went_on(old, new)
    memory = foreign or _why_not_memory(before, after, old, new)
    # Of one measurement there is one pace, whatever the runs that show it were timed at.
    pace = None if _same_cells(old, new) else _pace(before, after)
    changes = []
    for cost in COST_TABLE.values():
        first, second = getattr(old.costs, cost.name), getattr(new.costs, cost.name)
        if first is None and second is None:
            continue
        why = memory if cost.is_size else speed
        if first is None or second is None:
            why = f"it was not measured {'before' if first is None else 'after'}"
        ratio = _ratio(cost, first, second, pace)
        repeats = _repeats(cost, old, new) if cost.is_size else None
        changes.append(CostChange(cost.name, first, second, ratio, not why, why, repeats))
    return tuple(changes)


def _repeats(cost: Cost, *rows: Row) -> float | None:
    ratios = []
    for row in rows:
        of_fold: dict[int, list[float]] = {}
        for record in row.records:
            if value := getattr(record.costs, cost.name):
                of_fold.setdefault(record.fold, []).append(float(value))
        ratios += [max(values) / min(values) for values in of_fold.values() if len(values) > 1]
    return max(ratios, default=None)


def _same_cells(old: Row, new: Row) -> bool:
    """Whether both runs show the very same measurement: two runs of one results folder share their cells."""
    return [(one.key, one.started_at) for one in old.records] == [
        (one.key, one.started_at) for one in new.records
    ]


def _ratio(cost: Cost, before: float | None, after: float | None, pace: float | None) -> float | None:
    if not before or after is None:
        return None
    ratio = after / before
    if pace is None or not cost.paced:
        return ratio
    # The machine took ``pace`` times as long for the same work.
    return ratio * pace if cost.is_rate else ratio / pace


def _pace(before: Side, after: Side) -> float | None:
    old, new = before.manifest.reference_workload_s, after.manifest.reference_workload_s
    if not old or not new or _why_not_machine(before, after):
        return None
    return new / old


def _why_not_machine(before: Side, after: Side) -> str:
    old, new = before.manifest.machine.get("fingerprint"), after.manifest.machine.get("fingerprint")
    return "" if old == new and old is not None else "measured on another machine"


def _why_not_its_own(side: Side, row: Row, when: str) -> str:
    """Why the costs of a row were not measured by its own run; "" where they were. A cell of another run was
    timed at a pace of the machine that this manifest does not know, and both sides may show the same cell."""
    if any(cell.reused for cell in side.cells(row.task, row.method)):
        return f"measured in an earlier run {when} (run it with --fresh)"
    if not row.changed:
        return ""
    return f"measured in another run {when} (keep each in a results folder of its own, or promote it)"


def _why_not_speed(before: Side, after: Side) -> str:
    if why := _why_not_machine(before, after):
        return why
    for side, when in ((before, "before"), (after, "after")):
        if side.manifest.workers > 1:
            return f"measured while other cells ran {when}"
        if side.manifest.reference_workload_s is None:
            return f"the run {when} timed no reference workload"
    return ""


def _went_on(old: Row, new: Row) -> str:
    for row, when in ((old, "before"), (new, "after")):
        if row.goes > 1:
            return f"it was ended and went on {when}: its seconds are sums over {row.goes} goes"
    if old.shards != new.shards:
        return f"it was predicted in {old.shards} parts before and in {new.shards} after"
    return ""


def _why_not_memory(before: Side, after: Side, old: Row, new: Row) -> str:
    machines = before.manifest.machine, after.manifest.machine
    for name in MEMORY_NEEDS:
        first, second = (_without_patch(facts.get(name), name) for facts in machines)
        if first != second:
            return f"measured on a machine with another {name}"
    devices = [row.record.device if row.record else None for row in (old, new)]
    return "" if devices[0] == devices[1] else f"measured on {devices[1]}, before on {devices[0]}"


def _without_patch(value: object, name: str) -> object:
    return str(value).split(".")[:2] if name == "python" and value is not None else value
