"""Whether two runs may be compared, and what differs between them if so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from readbench.compare.paired import Pair, Side
from readbench.tasks.spec import TaskSpec

ASKED = {"fields": "the methods read", "language": "the language is", "prompt": "the prompt is"}
"""Fields of a task that may differ between two runs that are compared, and how a reader is told."""


def preconditions(before: Side, after: Side) -> list[str]:
    """Why two runs may not be compared; nothing where they may."""
    old, new = before.manifest, after.manifest
    reasons = []
    if old.suite != new.suite:
        reasons.append(f"the suite is {new.suite}, not {old.suite}")
    elif old.suite_version != new.suite_version:
        reasons.append(f"version {new.suite_version} of the suite, not {old.suite_version}")
    if old.fingerprint != new.fingerprint:
        sample = f" (--limit {new.limit}, before {old.limit})" if old.limit != new.limit else ""
        reasons.append(f"the documents of {new.dataset} have another fingerprint{sample}")
    shared = old.tasks.keys() & new.tasks.keys()
    if not shared:
        reasons.append(f"the tasks are {', '.join(new.tasks)}, not {', '.join(old.tasks)}")
    for task in sorted(shared & _judged(before) & _judged(after)):
        if old.tasks[task].split_hash != new.tasks[task].split_hash:
            reasons.append(f"{task}: other documents are tested (the split has another hash)")
        for name in ("labels", "positive"):
            values = [manifest.tasks[task].spec.get(name) for manifest in (old, new)]
            if values[0] != values[1]:
                reasons.append(f"{task}: {name} is {values[1]}, not {values[0]}")
    return reasons


def _judged(side: Side) -> set[str]:
    """The tasks that a side has rows of: where the methods are named, others are not asked about."""
    return {table.task for table in side.board.tables if table.rows}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs between two runs which may be compared, and how a reader is told."""

    of: Literal["suite", "seed", "task", "machine", "method"]
    text: str


def differences(before: Side, after: Side) -> list[Difference]:
    """What differs between two runs without making them incomparable."""
    old, new = before.manifest, after.manifest
    found = []
    if old.suite == new.suite and old.suite_digest != new.suite_digest:
        found.append(
            Difference("suite", "the suite file changed; its version says that results stay comparable")
        )
    if old.seed != new.seed:
        found.append(Difference("seed", f"the seed is {new.seed}, before {old.seed}"))
    for task in sorted(old.tasks.keys() & new.tasks.keys()):
        specs = [TaskSpec.model_validate(manifest.tasks[task].spec) for manifest in (old, new)]
        for name, words in ASKED.items():
            values = [getattr(spec, name) for spec in specs]
            if values[0] != values[1]:
                text = f"{task}: {words} {_in_words(values[1])}, before {_in_words(values[0])}"
                found.append(Difference("task", text))
    if old.machine.get("fingerprint") != new.machine.get("fingerprint"):
        text = "measured on another machine: speeds are reported, not judged"
        found.append(Difference("machine", text))
    return found


def differences_of(pair: Pair) -> list[Difference]:
    """What differs between the two sides of one method without making them incomparable."""
    old, new = pair.before, pair.after
    if old is None or new is None:
        return []
    found = []
    if old.method != new.method:
        text = f"{pair.task}: chosen was {new.method}, before {old.method}"
        found.append(Difference("method", text))
    failed = [row.failed_documents for row in (old, new)]
    counts = [(0, 0) if one is None else (one.count, one.of) for one in failed]
    if counts[0] != counts[1]:
        told = ["none" if not count else f"{count} of {of}" for count, of in counts]
        text = f"{pair.task}: documents on which {new.method} raised: {told[1]}, before {told[0]}"
        found.append(Difference("method", text))
    noisy = [{record.stochastic for record in row.records} - {None} for row in (old, new)]
    if noisy[0] and noisy[1] and noisy[0] != noisy[1]:
        changed = "has training noise" if True in noisy[1] else "has no training noise"
        text = f"{pair.task}: {new.method} says that it {changed}, and did not before"
        found.append(Difference("method", text))
    return found


def _in_words(value: str | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return ", ".join(value)
    if not value:
        return "each method's own"
    return value if value.isalnum() else repr(value)
