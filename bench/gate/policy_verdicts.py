"""One verdict over the runs that a policy asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from readbench.compare.paired import Side, open_side
from readbench.core.errors import BenchError
from readbench.gate.policy import Check, Policy
from readbench.gate.thresholds import Thresholds, parse_guards
from readbench.gate.verdicts import (
    INCOMPARABLE,
    NOTHING_MEASURED,
    PASS,
    REGRESSION,
    Decision,
    Verdicts,
    check_guards,
    default_thresholds,
    judge,
)
from readbench.methods.spec import parse_spec

Word = Literal["GO", "NO-GO", "INCONCLUSIVE"]
Tier = Literal["blocking", "advisory"]


@dataclass(frozen=True)
class Reason:
    """Why the verdict is what it is: ``method`` and ``what`` are empty where it is about the suite."""

    tier: Tier
    suite: str
    method: str
    what: str
    verdict: str
    why: str


@dataclass(frozen=True)
class CheckVerdicts:
    """What one check of a policy says. ``run`` is None where there is none. ``absent``: why the suite or a
    required method cannot be judged."""

    check: Check
    run: str | None = None
    blocking: Verdicts | None = None
    advisory: Verdicts | None = None
    absent: tuple[Reason, ...] = ()

    @property
    def exit_status(self) -> int:
        """As of ``bench gate``; what is absent is incomparable."""
        status = PASS if self.blocking is None else self.blocking.exit_status
        if status != REGRESSION and any(reason.tier == "blocking" for reason in self.absent):
            return INCOMPARABLE
        return status

    @property
    def reasons(self) -> list[Reason]:
        """What somebody must look at, the worst first; never what passed."""
        found = list(self.absent)
        if self.blocking is not None:
            found += _reasons("blocking", self.check.suite, self.blocking)
        if self.advisory is not None:
            found += _reasons("advisory", self.check.suite, self.advisory)
        return sorted(found, key=_worst_first)

    def as_json(self) -> dict[str, Any]:
        tiers = {"blocking": self.blocking, "advisory": self.advisory}
        return {
            "suite": self.check.suite,
            "required": self.check.required,
            "run": self.run,
            "exit_status": self.exit_status,
            "reasons": [asdict(reason) for reason in self.reasons],
        } | {tier: None if verdicts is None else verdicts.as_json() for tier, verdicts in tiers.items()}


@dataclass(frozen=True)
class PolicyVerdicts:
    """The verdict over all checks."""

    checks: tuple[CheckVerdicts, ...]
    strict: bool

    @property
    def exit_status(self) -> int:
        """1 where a check is a regression; else 4 where one is incomparable or, where strict, inconclusive;
        else 3 where one measured nothing; else 0."""
        found = {check.exit_status for check in self.checks}
        return next((status for status in (REGRESSION, INCOMPARABLE, NOTHING_MEASURED) if status in found), 0)

    @property
    def word(self) -> Word:
        """GO for the exit status 0, NO-GO for 1, INCONCLUSIVE for 3 and 4."""
        words: dict[int, Word] = {PASS: "GO", REGRESSION: "NO-GO"}
        return words.get(self.exit_status, "INCONCLUSIVE")

    @property
    def reasons(self) -> list[Reason]:
        """Those of all checks, the worst first."""
        found = [reason for check in self.checks for reason in check.reasons]
        return sorted(found, key=_worst_first)

    def as_json(self) -> dict[str, Any]:
        return {
            "verdict": self.word,
            "exit_status": self.exit_status,
            "reasons": [asdict(reason) for reason in self.reasons],
            "checks": [check.as_json() for check in self.checks],
        }


_ORDER = ("regressed", "incomparable", "inconclusive")


def _worst_first(reason: Reason) -> tuple[bool, int]:
    return reason.tier != "blocking", _ORDER.index(reason.verdict)


def _reasons(tier: Tier, suite: str, verdicts: Verdicts) -> list[Reason]:
    found = [
        Reason(tier, suite, "", "", "incomparable", reason) for reason in verdicts.comparison.incomparable
    ]
    for decision in verdicts.decisions:
        if decision.verdict in _ORDER:
            found.append(
                Reason(tier, suite, decision.method, decision.what, decision.verdict, _why(decision))
            )
    if verdicts.exit_status == NOTHING_MEASURED and not found:
        found.append(Reason(tier, suite, "", "", "incomparable", "no method was measured in both runs"))
    return found


def _why(decision: Decision) -> str:
    broken = decision.verdict == "regressed" and decision.threshold not in decision.why
    why = decision.why_for_everybody
    return f"{why} (asked: {decision.threshold})" if broken and decision.threshold else why


def judge_policy(
    policy: Policy, folder: Path, references: Sequence[str], results: Path | str
) -> PolicyVerdicts:
    """Judges every check: against the run of its suite among ``references``, else the suite's newest run in
    the folder ``results``. ``folder`` is the one that baselines are named from.

    Raises BenchError for two runs of one suite, for a run that no check asks for, for a guard of a metric
    that the suite does not have, and for a baseline that cannot be read.
    """
    given = _by_suite(policy, references, results)
    asked: list[tuple[Check, Side, Side] | CheckVerdicts] = []
    # Every name is checked before anything is judged: judging may take minutes.
    for check in policy.check:
        side = _side_of(check, given, results)
        if isinstance(side, Reason):
            asked.append(CheckVerdicts(check, absent=(side,)))
            continue
        before = side if check.baseline is None else open_side(str(folder / check.baseline), results)
        _check_names(check, side)
        asked.append((check, before, side))
    judged = (one if isinstance(one, CheckVerdicts) else _judge(*one, policy.strict) for one in asked)
    return PolicyVerdicts(tuple(judged), policy.strict)


def _by_suite(policy: Policy, references: Sequence[str], results: Path | str) -> dict[str, Side]:
    asked = {check.suite for check in policy.check}
    given: dict[str, Side] = {}
    for reference in references:
        side = open_side(reference, results)
        suite = side.manifest.suite
        if suite not in asked:
            raise BenchError(f"the policy has no check of its suite, {suite}", where=side.manifest.name)
        if suite in given:
            raise BenchError(f"two runs of {suite} are given", where=side.manifest.name, todo="name one")
        given[suite] = side
    return given


def _side_of(check: Check, given: dict[str, Side], results: Path | str) -> Side | Reason:
    """The run that a check judges, or why there is none."""
    if check.suite in given:
        return given[check.suite]
    tier: Tier = "blocking" if check.required else "advisory"
    try:
        return open_side(check.suite, results)
    except BenchError as error:
        why = f"there is no run to judge: {error}"
        return Reason(tier, check.suite, "", "", "incomparable", why)


def _check_names(check: Check, side: Side) -> None:
    for tier in ("blocking", "advisory"):
        guards = parse_guards(getattr(check, tier), f"check of {check.suite}: {tier}")
        where = f"check of {check.suite}: {tier}:"
        check_guards(Thresholds(((None, guards),)), side.manifest.tasks, where)


def _judge(check: Check, before: Side, after: Side, strict: bool) -> CheckVerdicts:
    name = after.manifest.name
    absent = tuple(_absent(check, after))
    try:
        blocking = None
        if check.blocking or check.methods or not check.advisory:
            guards = check.blocking
            if not (guards or check.advisory) and check.baseline is not None:
                guards = tuple(default_thresholds(before))
            blocking = _verdicts(before, after, guards, strict)
        advisory = _verdicts(before, after, check.advisory, strict) if check.advisory else None
    except BenchError as error:
        # A run that was cut off, or lost a cell: the other checks are judged all the same.
        tier: Tier = "blocking" if check.required else "advisory"
        reason = Reason(tier, check.suite, "", "", "incomparable", str(error))
        return CheckVerdicts(check, name, absent=(*absent, reason))
    return CheckVerdicts(check, name, blocking, advisory, absent)


def _verdicts(before: Side, after: Side, guards: Sequence[str], strict: bool) -> Verdicts:
    thresholds = Thresholds(((None, parse_guards(guards, "the policy", shared=True)),))
    return judge(before, after, thresholds, strict=strict)


def _absent(check: Check, side: Side) -> list[Reason]:
    """Required methods that the run does not have, or did not measure for lack of a library."""
    rows = [row for table in side.board.tables for row in table.rows]
    reasons = []
    for method in check.methods:
        found = [row for row in rows if row.method == method or _is_adapter(row.method, method)]
        why = ""
        if not found:
            why = "it is required, and not in the run"
        elif all(row.status in ("missing_dependency", "skipped", "pending") for row in found):
            why = f"it is required, and was not measured: {found[0].status}"
        if why:
            reasons.append(Reason("blocking", check.suite, method, "", "incomparable", why))
    return reasons


def _is_adapter(spec: str, named: str) -> bool:
    """Whether a policy names an adapter without parameters, as thresholds may."""
    return "[" not in named and parse_spec(spec)[0] == named
