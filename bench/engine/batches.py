"""Which cells and preparations are submitted together: those that need the same and wait for the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Resources:
    """What a job asks for: processors, bytes of memory, GPUs, and seconds until the cluster may end it."""

    cpus: int
    memory_bytes: int
    gpus: int
    wall_s: float


@dataclass(frozen=True)
class Task:
    """A cell or preparation to carry out somewhere, after those with the keys ``after``."""

    key: str
    label: str
    needs: Resources
    after: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Batch:
    """Tasks of one submission. They wait for the batches with the numbers ``after``, and for ``jobs`` that
    are in the cluster already."""

    tasks: tuple[Task, ...]
    needs: Resources
    after: frozenset[int]
    jobs: frozenset[str]


def batches(tasks: Sequence[Task], jobs: Mapping[str, str], left: Collection[str], most: int) -> list[Batch]:
    """Tasks by what they need and wait for, at most ``most`` in a batch, each batch after those that it waits
    for. ``jobs`` are those in the cluster by key, ``left`` the keys of all that has not ended."""
    found: list[Batch] = []
    place: dict[str, set[int]] = {}
    open_ = {task.key: task for task in tasks}
    while open_:
        ready = [task for task in open_.values() if task.after.isdisjoint(open_)]
        if not ready:  # a plan has no circles
            raise ValueError(f"tasks wait for each other: {sorted(open_)}")
        groups: dict[tuple[Resources, frozenset[int], frozenset[str]], list[Task]] = defaultdict(list)
        for task in ready:
            after = frozenset(number for key in task.after for number in place.get(key, ()))
            known = {jobs[key].partition("_")[0] for key in task.after if key in left and key in jobs}
            groups[task.needs, after, frozenset(known)].append(task)
        for (needs, after, known_jobs), group in groups.items():
            for start in range(0, len(group), most):
                part = tuple(group[start : start + most])
                for task in part:
                    place[task.key] = {len(found)}
                    del open_[task.key]
                found.append(Batch(part, needs, after, known_jobs))
    return found


def shares(sizes: Sequence[int], limit: int | None) -> list[int | None]:
    """How many of each batch may run at a time so that it is at most ``limit`` in all. Of more batches than
    that, each waits for the one ``limit`` places before it, and may run one at a time."""
    if limit is None:
        return [None] * len(sizes)
    if len(sizes) >= limit:
        return [1] * len(sizes)
    given = [1] * len(sizes)
    for _ in range(limit - len(sizes)):
        # The one that has the most tasks for each that may run.
        worst = max(range(len(sizes)), key=lambda place: sizes[place] / given[place])
        given[worst] += 1
    return list(given)
