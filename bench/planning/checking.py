"""Checks a suite against its dataset and the methods that there are: everything by its name, before
anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from readbench.core.errors import BenchError
from readbench.core.names import suggestion
from readbench.core.types import Dataset, Task
from readbench.datasets.splits import SplitSpec, subsample
from readbench.methods.registry import Method, Registry
from readbench.planning.ensembles import with_members
from readbench.planning.fields import check_fields, check_prompt
from readbench.planning.grids import Grid, check_validation_part, read_grids
from readbench.planning.labels import labelled_only, stated_labels, with_labels
from readbench.planning.metrics import board_metrics, check_languages
from readbench.planning.plan import Options
from readbench.planning.suite import Suite, TaskSection
from readbench.tasks.spec import TaskSpec


@dataclass(frozen=True)
class CheckedTask:
    """A task of a checked suite. ``methods`` are those to run, with all that an ensemble among them is made
    of; ``grids`` are the parameters still to be chosen."""

    spec: TaskSpec
    split: SplitSpec
    methods: tuple[Method, ...]
    grids: tuple[Grid, ...] = ()


@dataclass(frozen=True)
class CheckedSuite:
    """A suite of which every name is known. ``suite`` is the one that was written; ``dataset`` holds the
    documents of the run, sampled where that was asked for."""

    suite: Suite
    options: Options
    dataset: Dataset
    seed: int
    registry: Registry
    tasks: Mapping[Task, CheckedTask]

    @property
    def timeout_s(self) -> float:
        return self.options.timeout_s or self.suite.limits.timeout

    @property
    def memory_bytes(self) -> int:
        return self.options.memory_bytes or self.suite.limits.memory

    @property
    def tunes(self) -> bool:
        """Whether parameters are to be chosen."""
        return any(task.grids for task in self.tasks.values())

    def with_methods(self, more: Mapping[Task, Sequence[Method]]) -> CheckedSuite:
        """The suite with these methods beside its own, each once, and nothing left to choose."""
        tasks: dict[Task, CheckedTask] = {}
        for name, task in self.tasks.items():
            named = dict.fromkeys(method.spec for method in task.methods)
            new = [method for method in more.get(name, ()) if method.spec not in named]
            methods = with_members([*task.methods, *new], name, self.registry)
            tasks[name] = replace(task, methods=tuple(methods), grids=())
        return replace(self, tasks=tasks)

    def with_first_candidates(self) -> CheckedSuite:
        """The suite as it may be run: the first combination of each grid stands for the one to be chosen."""
        return self.with_methods(
            {name: [grid.candidates[0] for grid in task.grids] for name, task in self.tasks.items()}
        )


def check_suite(suite: Suite, dataset: Dataset, options: Options) -> CheckedSuite:
    """Raises BenchError for the first name that nothing has: a field, a label, a metric, a method, a
    parameter; and for parameters that cannot be chosen because there is no validation part."""
    seed = suite.seed if options.seed is None else options.seed
    registry = Registry(options.include_paths)
    if set(suite.tasks) == {"classification"}:
        dataset = labelled_only(dataset)
    sample = subsample(dataset, options.limit, seed)
    methods = _methods(suite, options, registry)
    tasks: dict[Task, CheckedTask] = {}
    for name, section in suite.tasks.items():
        where = f"suite {suite.name}, task {name}"
        board = board_metrics(suite, name)
        check_languages(board, suite.spec(name).language, f"suite {suite.name}")
        _check_reference(section, registry, where)
        spec = _spec(suite, name, dataset, sample)
        # Methods that are named on the command line are taken as they are.
        grids = () if options.methods else read_grids(section.tuned, name, registry, where)
        if grids:
            check_validation_part(suite.split_of(name), sample, where)
        tasks[name] = CheckedTask(spec, suite.split_of(name), methods[name], grids)
    return CheckedSuite(suite, options, sample, seed, registry, tasks)


def _methods(suite: Suite, options: Options, registry: Registry) -> dict[Task, tuple[Method, ...]]:
    """The methods to run of each task. Of those on the command line each goes to the tasks that it does."""
    found: dict[Task, tuple[Method, ...]] = {}
    given = [registry.method(method_spec) for method_spec in options.methods]
    for task, section in suite.tasks.items():
        where = f"suite {suite.name}, task {task}"
        if given:
            named = [method for method in given if task in method.adapter.tasks]
        else:
            named = [_of_suite(method_spec, task, registry, where) for method_spec in section.methods]
        method_specs = [method.spec for method in named]
        twice = sorted({method_spec for method_spec in method_specs if method_specs.count(method_spec) > 1})
        if twice:
            raise BenchError(f"{twice[0]} is named twice", where=where)
        found[task] = tuple(with_members(named, task, registry))
    if given and not any(found.values()):
        raise BenchError(
            f"none of the given methods does {' or '.join(suite.tasks)}",
            where=f"suite {suite.name}",
            todo="`bench ls methods` says which task each method does",
        )
    return found


def _of_suite(method_spec: str, task: Task, registry: Registry, where: str) -> Method:
    try:
        method = registry.method(method_spec)
    except BenchError as error:
        place = f"{where}, {error.where}" if error.where else where
        raise BenchError(error.what, where=place, todo=error.todo) from None
    if task not in method.adapter.tasks:
        does = ", ".join(sorted(method.adapter.tasks))
        raise BenchError(f"{method.adapter.name} does {does}, not {task}", where=where)
    return method


def _check_reference(section: TaskSection, registry: Registry, where: str) -> None:
    """Values from elsewhere stand beside a method of that name: one that nothing has would stand nowhere."""
    for method_spec in section.reference.values if section.reference else ():
        name = method_spec.partition("[")[0].strip()
        if name not in registry:
            raise BenchError(
                f"no method is called {name!r}",
                where=f"{where}, reference",
                todo=suggestion(name, registry, "`bench ls methods` lists them"),
            )


def _spec(suite: Suite, task: Task, whole: Dataset, sample: Dataset) -> TaskSpec:
    """The task spec, its labels filled in from the dataset where the suite names none. Fields are looked for
    in the whole dataset: a sample may miss the only document that has one."""
    spec, section = suite.spec(task), suite.tasks[task]
    where = f"suite {suite.name}, task {task}"
    if not sample.targets.get(task):
        raise BenchError(
            f"it has no targets for the task {task}",
            where=f"dataset {sample.name}",
            todo="name the gold column in the suite's [dataset.columns], or join --labels FILE",
        )
    check_fields(spec, whole, suite.dataset, where, written="fields" in section.model_fields_set)
    check_prompt(spec, where)
    if spec.positive is not None and task != "classification":
        raise BenchError(
            "positive is the positive class of a classification",
            where=where,
            todo="leave it out, or move it to [tasks.classification]",
        )
    if task == "classification":
        return with_labels(spec, sample)
    if task == "extraction" and not spec.labels:
        return spec.model_copy(update={"labels": stated_labels(sample)})
    return spec
