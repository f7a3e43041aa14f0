"""May two runs be compared, and what differs between them where they may?"""

from __future__ import annotations

from readbench.compare.paired import Pair, Side
from readbench.tasks.spec import TaskSpec

ASKED = {"fields": "the methods read", "language": "the language is", "prompt": "the prompt is"}
"""What a change may be about: the answers are compared all the same, and the reader is told."""


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
    for task in sorted(shared):
        if old.tasks[task].split_hash != new.tasks[task].split_hash:
            reasons.append(f"{task}: other documents are tested (the split has another hash)")
        for name in ("labels", "positive"):
            values = [manifest.tasks[task].spec.get(name) for manifest in (old, new)]
            if values[0] != values[1]:
                reasons.append(f"{task}: {name} is {values[1]}, not {values[0]}")
    return reasons


def differences(before: Side, after: Side) -> list[str]:
    """What differs between two runs without making them incomparable."""
    old, new = before.manifest, after.manifest
    notes = []
    if old.suite == new.suite and old.suite_digest != new.suite_digest:
        notes.append("the suite file changed; its version says that results stay comparable")
    if old.seed != new.seed:
        notes.append(f"the seed is {new.seed}, before {old.seed}")
    for task in sorted(old.tasks.keys() & new.tasks.keys()):
        specs = [TaskSpec.model_validate(manifest.tasks[task].spec) for manifest in (old, new)]
        notes += [
            f"{task}: {words} {_told(getattr(specs[1], name))}, before {_told(getattr(specs[0], name))}"
            for name, words in ASKED.items()
            if getattr(specs[0], name) != getattr(specs[1], name)
        ]
    if old.machine.get("fingerprint") != new.machine.get("fingerprint"):
        notes.append("measured on another machine: speeds are reported, not judged")
    return notes


def differences_of(pair: Pair) -> list[str]:
    """The same of one method."""
    old, new = pair.before, pair.after
    if old is None or new is None:
        return []
    notes = []
    if old.method != new.method:
        notes.append(f"{pair.task}: chosen was {new.method}, before {old.method}")
    told = [{record.stochastic for record in row.records} - {None} for row in (old, new)]
    if told[0] and told[1] and told[0] != told[1]:
        changed = "has training noise" if True in told[1] else "has no training noise"
        notes.append(f"{pair.task}: {new.method} says that it {changed}, and did not before")
    return notes


def _told(value: str | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return ", ".join(value)
    if not value:
        return "each method's own"
    return value if value.isalnum() else repr(value)
