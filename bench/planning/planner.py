"""Makes the plan of a suite: folds, the key of each cell and preparation, and what need not run again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from readbench.adapter import Context, MissingDependency, Needs, PreparationNeed
from readbench.core.digests import digest
from readbench.core.errors import BenchError
from readbench.core.seeds import derived_seed
from readbench.core.types import Dataset, Document, Part, Split, Task, digest_of_documents
from readbench.core.units import show_size
from readbench.datasets.near_duplicates import kept_groups
from readbench.datasets.splits import SplitSpec, make_splits, subsample
from readbench.machine.gpu import device_for, gpu_memory
from readbench.machine.machine import machine, machine_memory
from readbench.machine.sources import HARNESS, SourceReader, edited_since
from readbench.machine.versions import distribution_of, versions_of
from readbench.methods.registry import Method, Registry, plain
from readbench.planning.labels import labelled_only, stated_labels, with_labels
from readbench.planning.members import is_stochastic, members_of, missing_member, why_again, with_members
from readbench.planning.plan import NearDuplicates, Options, Plan, PlannedCell, PlannedPreparation, State
from readbench.planning.suite import Suite
from readbench.results.record import Record
from readbench.results.store import Store
from readbench.tasks.spec import TaskSpec


def make_plan(
    suite: Suite, dataset: Dataset, options: Options, store: Store, *, judged_on: Part = "test"
) -> Plan:
    """The plan of a suite. With ``judged_on="validation"`` the validation part stands in the place of
    the test part, whose documents are then seen by nobody.

    Raises BenchError for a method that does not exist, cannot do the task, or is named twice, and
    for a dataset without targets for a task."""
    seed = suite.seed if options.seed is None else options.seed
    if set(suite.tasks) == {"classification"}:
        dataset = labelled_only(dataset)
    dataset = subsample(dataset, options.limit, seed)
    registry = Registry(options.include_paths)
    methods = _methods(suite, options, registry)
    planner = _Planner(suite, options, dataset, seed, store, registry)
    splits: dict[Task, tuple[Split, ...]] = {}
    cells = []
    for task, of_task in methods.items():
        spec, split_spec = planner.spec(task), suite.split_of(task)
        splits[task] = planner.splits(spec, split_spec)
        if judged_on == "validation":
            splits[task] = tuple(Split(s.train, (), s.validation, s.fold, s.of_folds) for s in splits[task])
        for method in of_task:
            # Of a method without training noise every repeat would be the same.
            noisy = judged_on == "test" and is_stochastic(method, task, registry)
            repeats = split_spec.repeats if noisy else 1
            cells += [
                planner.cell(spec, method, split, repeat)
                for split in splits[task]
                for repeat in range(repeats)
            ]
    return Plan(
        suite=suite,
        options=options,
        dataset=dataset,
        splits=splits,
        seed=seed,
        near_duplicates=planner.near_duplicates,
        timeout_s=options.timeout_s or suite.limits.timeout,
        memory_bytes=options.memory_bytes or suite.limits.memory,
        cells=tuple(cells),
        preparations=planner.preparations,
        projected=planner.projected,
    )


def _methods(suite: Suite, options: Options, registry: Registry) -> dict[Task, list[Method]]:
    chosen: dict[Task, list[Method]] = {}
    for task, section in suite.tasks.items():
        named = [registry.method(spelling) for spelling in options.methods or section.methods]
        if options.methods:
            named = [method for method in named if task in method.adapter.tasks]
        for method in named:
            if task not in method.adapter.tasks:
                raise BenchError(
                    f"{method.adapter.name} does {', '.join(sorted(method.adapter.tasks))}, not {task}",
                    where=f"suite {suite.name}",
                )
        spellings = [method.spelling for method in named]
        twice = {spelling for spelling in spellings if spellings.count(spelling) > 1}
        if twice:
            raise BenchError(f"{sorted(twice)[0]} is named twice", where=f"suite {suite.name}")
        chosen[task] = with_members(named, task, registry)
    if not any(chosen.values()):
        raise BenchError(
            f"none of the given methods does {' or '.join(suite.tasks)}",
            where=f"suite {suite.name}",
            todo="`bench ls methods` says which task each method does",
        )
    return chosen


class _Planner:
    """Plans cell by cell, so that two cells that need the same preparation get the same one."""

    def __init__(
        self, suite: Suite, options: Options, dataset: Dataset, seed: int, store: Store, registry: Registry
    ) -> None:
        self.suite, self.options, self.dataset = suite, options, dataset
        self.seed, self.store, self.registry = seed, store, registry
        self.cells: dict[tuple[Task, str, int, int], PlannedCell] = {}
        self.preparations: dict[str, PlannedPreparation] = {}
        self.projected: dict[Task, tuple[Document, ...]] = {}
        self.near_duplicates: dict[Task, NearDuplicates] = {}
        self._digests: dict[tuple[Task, tuple[str, ...]], str] = {}
        self._fingerprint = dataset.fingerprint
        self.sources = SourceReader()
        self.project = distribution_of(HARNESS)

    def splits(self, spec: TaskSpec, split: SplitSpec) -> tuple[Split, ...]:
        """The folds of a task. Documents without a label are in none where labels are asked for."""
        dataset, labels = self.dataset, None
        if spec.task == "classification":
            dataset = labelled_only(self.dataset)
            known = dataset.targets["classification"]
            labels = {id_: label for id_, label in known.items() if isinstance(label, str)}
        groups: Mapping[str, str] = {}
        if split.kind != "all":
            groups = kept_groups(dataset, spec.fields, self.store.root / "near-duplicates")
        together = split.near_duplicates == "together" and split.kind != "given"
        folds = make_splits(dataset, split, self.seed, labels, groups if together else None)
        self.near_duplicates[spec.task] = NearDuplicates.of(groups, folds)
        return folds

    def cell(self, spec: TaskSpec, method: Method, split: Split, repeat: int) -> PlannedCell:
        more = (repeat,) if repeat else ()
        seed = derived_seed(self.seed, self._fingerprint, split.fold, method.spelling, *more)
        device = self._device(method.adapter.uses_gpu)
        context = Context(task=spec, seed=seed, threads=self.suite.limits.threads, device=device)
        adapter = method.create(context)
        missing = ""
        try:
            adapter.missing()
        except MissingDependency as error:
            missing = str(error)
        members = self._members(spec.task, method, split, repeat)
        missing = missing or missing_member(members)
        needs = adapter.needs()
        preparations = {
            name: self._preparation(need, spec, method, split, (name,))
            for name, need in needs.preparations.items()
        }
        modules = tuple(sorted({*adapter.modules(), *self._modules_of(preparations.values())}))
        versions = versions_of(modules)
        sources = self.sources.of(method.adapter)
        key = digest(
            {
                "project": self.project,
                "sources": sources.digest,
                "libraries": versions_of(sources.libraries),
                "method": method.adapter.name,
                "params": plain(method.params),
                "task": spec.model_dump(mode="json"),
                "dataset": self._fingerprint,
                "split": split.hash,
                "fold": split.fold,
                "seed": seed,
                "versions": versions,
                "weights": dict(adapter.weights()),
                "threads": self.suite.limits.threads,
                "device": device,
                "preparations": preparations,
                "members": [member.key for member in members],
            }
        )[:40]
        state, why, record = self._state(key, missing, members)
        too_large = "" if missing else self._too_large(needs, device)
        if too_large and state == "run":
            state, why = "refused", too_large
        cell = self.cells[spec.task, method.spelling, split.fold, repeat] = PlannedCell(
            key=key,
            method=method,
            spec=spec,
            split=split,
            seed=seed,
            preparations=preparations,
            modules=modules,
            versions=versions,
            sources=sources,
            state=state,
            repeat=repeat,
            device=device,
            stochastic=is_stochastic(method, spec.task, self.registry),
            needed_bytes=needs.memory_bytes,
            why=why,
            stored=record,
            members=tuple(member.key for member in members),
        )
        return cell

    def _members(self, task: Task, method: Method, split: Split, repeat: int) -> list[PlannedCell]:
        """The cells of a method's members, planned before it; of one that knows no repeats, the first."""
        found = []
        for member in members_of(method, task, self.registry):
            places = [(task, member.spelling, split.fold, number) for number in (repeat, 0)]
            found.append(self.cells.get(places[0]) or self.cells[places[1]])
        return found

    def spec(self, task: Task) -> TaskSpec:
        """The task spec as the suite gives it, its labels filled in from the dataset where the suite names
        none. Raises BenchError for a dataset without targets or without the fields of the task."""
        spec = self.suite.spec(task)
        if not self.dataset.targets.get(task):
            raise BenchError(
                f"it has no targets for the task {task}",
                where=f"dataset {self.dataset.name}",
                todo="name the gold column in the suite's [dataset.columns], or join --labels FILE",
            )
        known = {name for document in self.dataset.documents for name in document.fields}
        absent = [name for name in spec.fields if name not in known]
        if len(absent) == len(spec.fields):
            raise BenchError(
                f"none of its documents has the field {' or '.join(absent)}",
                where=f"dataset {self.dataset.name}",
                todo=f"it has: {', '.join(sorted(known))}",
            )
        if task == "classification":
            spec = with_labels(spec, self.dataset)
        elif task == "extraction" and not spec.labels:
            spec = spec.model_copy(update={"labels": stated_labels(self.dataset)})
        self.projected[task] = tuple(spec.project(document) for document in self.dataset.documents)
        return spec

    def _preparation(
        self, need: PreparationNeed, spec: TaskSpec, method: Method, split: Split, path: tuple[str, ...]
    ) -> str:
        """Plans a preparation and what it is built from; returns its key."""
        preparation = need.preparation
        inputs = {
            name: self._preparation(upstream, spec, method, split, (*path, name))
            for name, upstream in preparation.needs().items()
        }
        ids = tuple(id_ for part in need.parts for id_ in split.ids(part)) if need.parts else None
        if need.parts and not ids:
            raise BenchError(
                f"it needs documents of the {' and '.join(need.parts)} part, and the split has none",
                where=f"method {method.spelling}",
                todo='give the suite a [split] of kind = "holdout", or "given" where the corpus has parts',
            )
        modules = tuple(sorted({*preparation.modules(), *self._modules_of(inputs.values())}))
        device = self._device(preparation.uses_gpu)
        sources = self.sources.of(type(preparation))
        key = digest(
            {
                "project": self.project,
                "sources": sources.digest,
                "libraries": versions_of(sources.libraries),
                "name": preparation.name,
                "params": plain(preparation.params),
                "task": spec.model_dump(mode="json") if ids is not None else None,
                "documents": self._digest(spec.task, ids) if ids is not None else None,
                "versions": versions_of(modules),
                "threads": self.suite.limits.threads,
                "device": device,
                "inputs": inputs,
            }
        )[:40]
        if key not in self.preparations:
            self.preparations[key] = PlannedPreparation(
                key=key,
                preparation=preparation,
                method=method.spelling,
                path=path,
                task=spec,
                ids=ids,
                inputs=inputs,
                modules=modules,
                device=device,
                stored=not self.options.fresh and self._usable(key),
            )
        return key

    def _device(self, uses_gpu: bool) -> str:
        return device_for(uses_gpu and self.suite.limits.device == "auto")

    def _usable(self, key: str) -> bool:
        """Whether a preparation is there with costs that hold here: a cost measured on another
        machine, or beside other cells, is not what it costs here alone."""
        cost = self.store.preparation_cost(key)
        if cost is None or cost.machine != machine()["fingerprint"]:
            return False
        return not cost.contended or self.options.workers > 1

    def _modules_of(self, keys: Iterable[str]) -> set[str]:
        return {module for key in keys for module in self.preparations[key].modules}

    def _digest(self, task: Task, ids: tuple[str, ...]) -> str:
        if (task, ids) not in self._digests:
            wanted = set(ids)
            documents = [document for document in self.projected[task] if document.id in wanted]
            self._digests[task, ids] = digest_of_documents(documents)
        return self._digests[task, ids]

    def _too_large(self, needs: Needs, device: str) -> str:
        """Why a method cannot fit, from what it says it needs at least; empty where it may."""
        limit = self.options.memory_bytes or self.suite.limits.memory
        on_gpu = needs.gpu_memory_bytes if device == "cuda" else 0
        for needed, most, what in (
            (needs.memory_bytes, limit, "the limit of a cell (--memory)"),
            (needs.memory_bytes, machine_memory(), "this machine's memory"),
            (on_gpu, gpu_memory(), "the GPU's memory"),
        ):
            if needed > most:
                return f"needs at least {show_size(needed)}, more than {what}: {show_size(most)}"
        return ""

    def _state(
        self, key: str, missing: str, members: Sequence[PlannedCell]
    ) -> tuple[State, str, Record | None]:
        record = None if self.options.fresh else self.store.record(key)
        if missing:
            return "missing", missing, record
        if record is None:
            return "run", "", None
        if why := why_again(record, members):
            return "run", why, record
        timeout = self.options.timeout_s or self.suite.limits.timeout
        memory = self.options.memory_bytes or self.suite.limits.memory
        if record.status == "missing_dependency":
            return "run", "it lacked a dependency before", record
        if record.status != "ok":
            if self.options.retry:
                return "run", f"it ended {record.status} before", record
            if record.status == "timeout" and timeout > record.timeout_s:
                return "run", "its time limit was lower before", record
            if record.status == "out_of_memory" and memory > record.memory_bytes:
                return "run", "its memory limit was lower before", record
            return "stored", "", record
        if record.machine["fingerprint"] != machine()["fingerprint"]:
            return "run", "its costs were measured on another machine", record
        if edited := edited_since(record.more_sources):
            return "run", f"{edited} was edited since it ran", record
        if record.contended and self.options.workers == 1:
            return "run", "its costs were measured beside other cells", record
        return "stored", "", record
