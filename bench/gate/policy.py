"""A policy: what a team asks of its runs, in one file. Each check names a suite, the methods that must be in
its run, and guards in two tiers: those that block, and those that only advise."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from readbench.core.errors import BenchError
from readbench.core.invalid import first_problem
from readbench.core.toml_files import read_toml
from readbench.gate.bounds import Bound
from readbench.gate.thresholds import Guard, parse_guards

_EXAMPLE = "write [[check]] and below it suite = 'quick', blocking = ['f1@10:>=0.15']"


class Check(BaseModel):
    """One suite. ``required``: without a run of it there is no verdict. ``methods`` must be in the run and
    measured. ``baseline`` is a folder, from that of the policy's file; without one every guard is a bound."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    suite: str = Field(min_length=1)
    baseline: str | None = None
    required: bool = True
    methods: tuple[str, ...] = ()
    blocking: tuple[str, ...] = ()
    advisory: tuple[str, ...] = ()


class Policy(BaseModel):
    """``strict``: what is inconclusive in the blocking tier is no pass."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    strict: bool = False
    check: tuple[Check, ...] = Field(min_length=1)


def read_policy(path: Path) -> Policy:
    """Reads a policy and checks what can be checked before anything is opened.

    Raises BenchError with the file and the key for what is no policy, for a guard that is none, and for a
    largest loss without a baseline.
    """
    data = read_toml(path, "the policy")
    try:
        policy = Policy.model_validate(data)
    except ValidationError as error:
        problem = first_problem(error, Policy)
        where = f"{path}: {problem.key}" if problem.key else str(path)
        raise BenchError(problem.what, where=where, todo=problem.todo or _EXAMPLE) from None
    for number, check in enumerate(policy.check, 1):
        where = f"{path}: check {number} ({check.suite})"
        for tier in ("blocking", "advisory"):
            guards = parse_guards(getattr(check, tier), f"{where}: {tier}")
            _check_baseline(check, guards, f"{where}: {tier}")
    return policy


def _check_baseline(check: Check, guards: tuple[Guard, ...], where: str) -> None:
    for guard in guards:
        if check.baseline is None and not isinstance(guard, Bound):
            raise BenchError(
                f"{guard.text} is a largest loss, and no baseline is given",
                where=where,
                todo="name a baseline, or write a bound: f1@10:>=0.15",
            )
