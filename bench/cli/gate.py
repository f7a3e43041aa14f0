"""What `bench gate` makes of its options: which two sides, which thresholds, which reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from readbench.cli.app import interface, progress
from readbench.cli.options import read_memory, read_timeout
from readbench.core.errors import BenchError

if TYPE_CHECKING:
    from readbench.compare.paired import Side
    from readbench.gate.policy_verdicts import PolicyVerdicts
    from readbench.gate.thresholds import Guard, Thresholds
    from readbench.gate.verdicts import Verdicts


@dataclass(frozen=True)
class Asked:
    """The options that say what is run. What is wrong with them is said before anything runs."""

    suite: str | None = None
    dataset: str | None = None
    methods: tuple[str, ...] = ()
    limit: int | None = None
    timeout: str | None = None
    memory: str | None = None
    include_paths: tuple[Path, ...] = ()
    rounds: int | None = None
    most_rounds: int | None = None

    def check(self, *, stored: bool, speed: bool) -> None:
        """Raises BenchError for an option that the question has no use for, and for a limit that is none."""
        names = ["suite", "dataset", "limit", "timeout", "memory"] if stored else []
        names += [] if speed else ["rounds", "most_rounds"]
        unused = [f"--{name.replace('_', '-')}" for name in names if getattr(self, name) is not None]
        if unused:
            why = "a stored run is judged as it is" if stored else "without --speed nothing runs in rounds"
            raise BenchError(why, todo=f"leave out {', '.join(unused)}")
        read_timeout(self.timeout)
        read_memory(self.memory)


def check_sides(
    *,
    speed: bool,
    against: str | None,
    stored: str | None,
    baseline: str | None,
    keeps: bool,
    bounds_only: bool,
) -> None:
    """Raises BenchError for options that say no two sides to compare. ``keeps``: whether results are kept
    where the options ask for it. ``bounds_only``: all guards are bounds, for which a stored run is enough."""
    if speed != (against is not None):
        raise BenchError("--speed and --against go together", todo="bench gate --speed --against main")
    if speed and stored is not None:
        raise BenchError("--speed runs both sides itself, and no stored run", todo=f"leave out {stored}")
    if not speed and baseline is None and not (bounds_only and stored is not None):
        todo = "give --baseline results/baselines/NAME, or a RUN and bounds alone (accuracy:>=0.9)"
        raise BenchError("no baseline is given", todo=todo)
    if speed and not keeps:
        raise BenchError("--speed keeps no results", todo="leave out --output-path")


@dataclass
class Guards:
    """Thresholds as asked for; read once the suite is known."""

    given: tuple[str, ...]
    file: Path | None
    baseline: str | None
    include_paths: tuple[Path, ...] = ()
    parsed: tuple[Guard, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        from readbench.gate.thresholds import parse_guard

        self.parsed = tuple(parse_guard(text) for text in self.given)
        beside = Path(self.baseline, "thresholds.toml") if self.baseline else None
        if self.file is None and beside is not None and beside.is_file():
            self.file = beside

    @property
    def bounds_only(self) -> bool:
        """Whether every guard is a bound of the value itself, which needs no baseline."""
        from readbench.gate.bounds import Bound

        return self.file is None and bool(self.parsed) and all(isinstance(g, Bound) for g in self.parsed)

    def check(self, suite: str, tasks: Iterable[str], judged: Iterable[str], methods: Iterable[str]) -> None:
        """What can be said before anything runs: ``tasks`` are those of the suite, ``judged`` those of the
        methods that the gate is asked about, ``methods`` the names of all that there are.

        Raises BenchError for a threshold that would guard nothing.
        """
        from readbench.gate.thresholds import Thresholds, read_thresholds
        from readbench.gate.verdicts import check_guards

        names = None if self.file is None else {*methods}
        check_guards(read_thresholds(self.file, suite, self.given, (), names), set(tasks))
        check_guards(Thresholds(((None, self.parsed),)), set(judged) or set(tasks), "--fail-on")

    def of(self, side: Side) -> Thresholds:
        from readbench.gate.thresholds import read_thresholds
        from readbench.gate.verdicts import default_thresholds

        suite, default = side.manifest.suite, default_thresholds(side)
        return read_thresholds(self.file, suite, self.given, default, self.methods(side))

    def methods(self, side: Side) -> set[str]:
        """Every name that a method has, here or in the run that is the measure."""
        if self.file is None:
            return set()
        from readbench.methods.registry import Registry

        return {*Registry(self.include_paths), *(name.partition("[")[0] for name in methods_of(side))}


def methods_of(*sides: Side) -> set[str]:
    return {row.method for side in sides for table in side.board.tables for row in table.rows}


def canonical(methods: Iterable[str], include_paths: tuple[Path, ...], *sides: Side) -> tuple[str, ...]:
    """The specs as boards have them: parameters in order, defaults left out.

    Raises BenchError for a method or a parameter that does not exist. Stored runs may have methods that are
    not here any more: what they have is taken as it is, and the gate tells what they lack.
    """
    from readbench.methods.registry import Registry
    from readbench.methods.spec import parse_spec

    registry, there = Registry(include_paths), methods_of(*sides)

    def spelled(name: str) -> str:
        if name in there or (sides and parse_spec(name)[0] not in registry):
            return name
        return registry.method(name).spec

    return tuple(map(spelled, methods))


def gate_answers(
    before: Side | None,
    reference: str | None,
    asked: Asked,
    guards: Guards,
    output_path: Path,
    *,
    strict: bool,
) -> Verdicts:
    """Gates a stored run, or one that is made now: never one of which parts were measured before. Bounds of a
    stored run need no other run: it is then compared with itself, and nothing changed."""
    from readbench.compare.paired import open_side
    from readbench.gate.verdicts import judge

    if reference is not None:
        after = open_side(reference, output_path)
        before = after if before is None else before
        methods = canonical(asked.methods, asked.include_paths, before, after)
        _check(guards, before, methods)
    else:
        from readbench.planning.plan import Options
        from readbench.results.store import Store
        from readbench.runs.rerun import rerun_suite

        assert before is not None, "without a run there is a baseline: check_sides"
        methods = canonical(asked.methods, asked.include_paths)
        _check(guards, before, methods)
        options = Options(
            methods=methods,
            limit=asked.limit,
            include_paths=asked.include_paths,
            timeout_s=read_timeout(asked.timeout),
            memory_bytes=read_memory(asked.memory),
        )
        speaks = interface(stderr=True)
        after = rerun_suite(before, asked.suite, asked.dataset, options, Store(output_path), speaks)
    return judge(before, after, guards.of(before), strict=strict, methods=methods)


def _check(guards: Guards, before: Side, methods: Iterable[str]) -> None:
    named = {*methods}
    rows = [row for table in before.board.tables for row in table.rows]
    judged = {row.task for row in rows if row.method in named}
    guards.check(before.manifest.suite, before.manifest.tasks, judged, guards.methods(before))


def gate_speed(against: str, before: Side | None, asked: Asked, guards: Guards, *, strict: bool) -> Verdicts:
    """Runs both revisions in turn, with the suite, sample and seed of a baseline where one is given."""
    from readbench.gate.speed_gate import SpeedGate
    from readbench.gate.speed_rounds import LEAST_ROUNDS, MOST_ROUNDS, SpeedQuestion
    from readbench.methods.registry import Registry
    from readbench.planning.suite import find_suite, load_suite

    manifest = None if before is None else before.manifest
    name = asked.suite or (manifest and manifest.suite)
    if not name:
        raise BenchError("which suite is to be timed?", todo="give --suite NAME or --baseline FOLDER")
    suite, registry = load_suite(find_suite(name)), Registry(asked.include_paths)
    judged = {task for spec in asked.methods for task in registry.method(spec).adapter.tasks}
    guards.check(suite.name, suite.tasks, judged & {*suite.tasks}, registry)
    least = LEAST_ROUNDS if asked.rounds is None else asked.rounds
    question = SpeedQuestion(
        suite=find_suite(name).resolve(),
        dataset=asked.dataset,
        methods=asked.methods,
        limit=manifest.limit if manifest and asked.limit is None else asked.limit,
        seed=manifest.seed if manifest else None,
        include_paths=asked.include_paths,
        timeout=asked.timeout,
        memory=asked.memory,
        rounds=least,
        most_rounds=max(MOST_ROUNDS, least) if asked.most_rounds is None else asked.most_rounds,
    )
    speed = SpeedGate(question, guards.of, progress, strict)
    return speed.against(against)


def one_run(references: Sequence[str]) -> str | None:
    """Raises BenchError for several runs, which only a policy judges."""
    if len(references) > 1:
        todo = "name one, or write a policy: bench gate --policy policy.toml"
        raise BenchError(f"{len(references)} runs are given", where=" ".join(references), todo=todo)
    return references[0] if references else None


def gate_policy(path: Path, references: Sequence[str], output_path: Path) -> PolicyVerdicts:
    """Judges stored runs: those that are given, of other suites the newest."""
    from readbench.gate.policy import read_policy
    from readbench.gate.policy_verdicts import judge_policy

    return judge_policy(read_policy(path), path.parent, references, output_path)


def write_reports(
    verdicts: Verdicts, summary: Path | None, comment: Path | None, junit: Path | None
) -> BenchError | None:
    """Writes every report that can be written; the first problem of those that cannot."""
    from readbench.report import ci

    if (summary, comment, junit) == (None, None, None):
        return None
    return write_files((summary, comment, junit), ci.verdicts_markdown(verdicts), ci.junit(verdicts))


def write_files(
    reports: tuple[Path | None, Path | None, Path | None], markdown: str, junit: str
) -> BenchError | None:
    """Appends Markdown to the first file, writes it to the second, and JUnit XML to the third, as far as they
    are asked for; returns the first problem."""
    from readbench.report.ci import write_text

    problem = None
    texts = ((markdown, True), (markdown, False), (junit, False))
    for path, (text, append) in zip(reports, texts, strict=True):
        if path is None:
            continue
        try:
            write_text(path, text, append=append)
        except BenchError as error:
            problem = problem or error
    return problem
