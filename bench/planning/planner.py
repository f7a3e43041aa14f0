"""Plans a checked suite: folds, the key of each cell and preparation, and what need not run again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from readbench.adapter import Adapter, Context, LearnedEnsemble, MissingDependency, Needs, PreparationNeed
from readbench.core.digests import digest
from readbench.core.errors import BenchError
from readbench.core.seeds import derived_seed
from readbench.core.types import Dataset, Part, Split, Task, digest_of_documents
from readbench.core.units import show_size
from readbench.datasets.near_duplicates import kept_groups
from readbench.datasets.splits import SplitSpec, make_splits
from readbench.machine.gpu import device_for, gpu_memory
from readbench.machine.machine import machine, machine_memory
from readbench.machine.sources import HARNESS, SourceReader, Sources, edited_since
from readbench.machine.versions import distribution_of, versions_of
from readbench.methods.registry import Method, included_file, plain
from readbench.planning.checking import CheckedSuite, check_suite
from readbench.planning.ensembles import (
    is_stochastic,
    members_of,
    missing_member,
    no_validation_part,
    why_again,
    with_members,
)
from readbench.planning.labels import labelled_only
from readbench.planning.plan import NearDuplicates, Options, Plan, PlannedCell, PlannedPreparation, State
from readbench.planning.sharding import shards_of
from readbench.planning.suite import Suite
from readbench.results.record import Record
from readbench.results.score_files import SCORES
from readbench.results.store import Store, damaged_files
from readbench.tasks.spec import TaskSpec


def make_plan(suite: Suite, dataset: Dataset, options: Options, store: Store) -> Plan:
    """The plan of a suite that is there as a value: it is checked, then planned.

    Raises BenchError as ``check_suite`` and ``plan_test`` do.
    """
    return plan_test(check_suite(suite, dataset, options), store)


def plan_test(checked: CheckedSuite, store: Store) -> Plan:
    """What is to be measured on the test part: every method of the suite on each fold, and as often as the
    split says where it has training noise.

    Raises BenchError where a split would leave a part empty, or a method has no documents to learn from.
    """
    planner = _Planner(checked, store)
    cells = []
    for name, task in checked.tasks.items():
        for method in task.methods:
            # Of a method without training noise every repeat would be the same.
            noisy = is_stochastic(method, name, checked.registry)
            for split in planner.splits(name):
                for repeat in range(task.split.repeats if noisy else 1):
                    cells.append(planner.cell(task.spec, method, split, repeat))
    return planner.plan(cells)


def plan_validation(checked: CheckedSuite, store: Store) -> Plan | None:
    """What is to be measured to choose parameters: every combination of each grid, with the validation part
    in the place of the test part, whose documents nobody sees. None where nothing is chosen.

    Raises BenchError as ``plan_test`` does.
    """
    tuned = {name: task for name, task in checked.tasks.items() if task.grids}
    if not tuned:
        return None
    planner = _Planner(replace(checked, tasks=tuned), store, judged_on="validation")
    cells = []
    for name, task in tuned.items():
        candidates = [method for grid in task.grids for method in grid.candidates]
        for method in with_members(candidates, name, checked.registry):
            cells += [planner.cell(task.spec, method, split, 0) for split in planner.splits(name)]
    return planner.plan(cells)


class _Planner:
    """Plans cell by cell, so that two cells that need the same preparation get the same one."""

    def __init__(self, checked: CheckedSuite, store: Store, judged_on: Part = "test") -> None:
        self.checked, self.store, self.judged_on = checked, store, judged_on
        self.suite, self.options, self.dataset = checked.suite, checked.options, checked.dataset
        self.cells: dict[tuple[Task, str, int, int], PlannedCell] = {}
        self.helpers: dict[tuple[Task, str, int, int], PlannedCell] = {}
        self.preparations: dict[str, PlannedPreparation] = {}
        self.projected = {
            name: tuple(task.spec.project(document) for document in self.dataset.documents)
            for name, task in checked.tasks.items()
        }
        self.near_duplicates: dict[Task, NearDuplicates] = {}
        self._splits: dict[Task, tuple[Split, ...]] = {}
        self._digests: dict[tuple[Task, tuple[str, ...]], str] = {}
        self._fingerprint = self.dataset.fingerprint
        self.sources = SourceReader()
        self.project = distribution_of(HARNESS)

    def plan(self, cells: Sequence[PlannedCell]) -> Plan:
        return Plan(
            suite=self.suite,
            options=self.options,
            dataset=self.dataset,
            specs={name: task.spec for name, task in self.checked.tasks.items()},
            splits={name: self.splits(name) for name in self.checked.tasks},
            seed=self.checked.seed,
            near_duplicates=self.near_duplicates,
            timeout_s=self.checked.timeout_s,
            memory_bytes=self.checked.memory_bytes,
            cells=tuple(cells),
            preparations=self.preparations,
            projected=self.projected,
            helpers=tuple(self.helpers.values()),
        )

    def splits(self, name: Task) -> tuple[Split, ...]:
        """The folds of a task."""
        if name not in self._splits:
            task = self.checked.tasks[name]
            folds = self._folds(task.spec, task.split)
            if self.judged_on == "validation":
                folds = tuple(split.on_validation() for split in folds)
            self._splits[name] = folds
        return self._splits[name]

    def _folds(self, spec: TaskSpec, split: SplitSpec) -> tuple[Split, ...]:
        """Documents without a label are in no fold where labels are asked for."""
        dataset, labels = self.dataset, None
        if spec.task == "classification":
            dataset = labelled_only(self.dataset)
            known = dataset.targets["classification"]
            labels = {id_: label for id_, label in known.items() if isinstance(label, str)}
        groups: Mapping[str, str] = {}
        if split.kind != "all":
            groups = kept_groups(dataset, spec.fields, self.store.root / "near-duplicates")
        together = split.near_duplicates == "together" and split.kind != "given"
        folds = make_splits(dataset, split, self.checked.seed, labels, groups if together else None)
        self.near_duplicates[spec.task] = NearDuplicates.of(groups, folds)
        return folds

    def cell(
        self, spec: TaskSpec, method: Method, split: Split, repeat: int, *, helps: bool = False
    ) -> PlannedCell:
        """Plans a cell after those of its members. One that ``helps`` is on no board."""
        more = (repeat,) if repeat else ()
        seed = derived_seed(self.checked.seed, self._fingerprint, split.fold, method.spec, *more)
        device = self._device(method.adapter.uses_gpu)
        context = Context(
            task=spec,
            seed=seed,
            threads=self.suite.limits.threads,
            device=device,
            prices=self.suite.prices,
        )
        adapter = method.create(context)
        members = self._members(spec, method, split, repeat, helps=helps)
        learns_from = self._learns_from(
            spec, method, split, repeat, "validation" if helps else self.judged_on
        )
        missing = _missing(adapter) or missing_member([*members, *learns_from])
        needs = adapter.needs()
        preparations = {
            name: self._preparation(need, spec, method, split, (name,))
            for name, need in needs.preparations.items()
        }
        modules = tuple(sorted({*adapter.modules(), *self._modules_of(preparations.values())}))
        versions = versions_of(modules)
        sources = self.sources.of(method.adapter)
        weights = dict(adapter.weights())
        key = digest(
            {
                **self._shared_key(sources, device),
                "method": method.adapter.name,
                "params": plain(method.params),
                "task": spec.model_dump(mode="json"),
                "dataset": self._fingerprint,
                "split": split.hash,
                "fold": split.fold,
                "seed": seed,
                "versions": versions,
                "weights": weights,
                "preparations": preparations,
                "members": [member.key for member in members],
                "learns_from": [member.key for member in learns_from],
            }
        )[:40]
        state, why, record = self._state(key, missing, members, learns_from)
        too_large = "" if missing else self._too_large(needs, device)
        if too_large and state == "run":
            state, why = "refused", too_large
        shards, in_one = shards_of(method.adapter, split, self.options.shards)
        cells = self.helpers if helps else self.cells
        cell = cells[spec.task, method.spec, split.fold, repeat] = PlannedCell(
            key=key,
            method=method,
            task_spec=spec,
            split=split,
            seed=seed,
            preparations=preparations,
            modules=modules,
            versions=versions,
            sources=sources,
            state=state,
            repeat=repeat,
            device=device,
            stochastic=is_stochastic(method, spec.task, self.checked.registry),
            needed_bytes=needs.memory_bytes,
            peak_bytes=self._peak(adapter, spec.task, split) if state == "run" else 0,
            shards=shards,
            in_one=in_one,
            why=why,
            stored=record,
            members=tuple(member.key for member in members),
            learns_from=tuple(member.key for member in learns_from),
            on_validation=helps,
            weights=weights,
        )
        return cell

    def _shared_key(self, sources: Sources, device: str) -> dict[str, object]:
        """What the keys of cells and preparations have in common."""
        return {
            "project": self.project,
            "sources": sources.digest,
            "libraries": versions_of(sources.libraries),
            "threads": self.suite.limits.threads,
            "device": device,
        }

    def _members(
        self, spec: TaskSpec, method: Method, split: Split, repeat: int, *, helps: bool
    ) -> list[PlannedCell]:
        """The cells of a method's members; of one without training noise, the first. Those on boards were
        planned before it, those that are on none are planned where they are needed."""
        cells, registry, found = self.helpers if helps else self.cells, self.checked.registry, []
        for member in members_of(method, spec.task, registry):
            number = repeat if is_stochastic(member, spec.task, registry) else 0
            place = (spec.task, member.spec, split.fold, number)
            if helps and place not in cells:
                self.cell(spec, member, split, number, helps=True)
            found.append(cells[place])
        return found

    def _learns_from(
        self, spec: TaskSpec, method: Method, split: Split, repeat: int, judged_on: Part
    ) -> list[PlannedCell]:
        """The cells of a method's members on the validation part, where it learns from what they predict
        there. They learn from the training part alone."""
        if not issubclass(method.adapter, LearnedEnsemble):
            return []
        if not split.validation:
            raise no_validation_part(method, judged_on=judged_on)
        return self._members(spec, method, split.on_validation(), repeat, helps=True)

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
                where=f"method {method.spec}",
                todo='give the suite a [split] of kind = "holdout", or "given" where the corpus has parts',
            )
        modules = tuple(sorted({*preparation.modules(), *self._modules_of(inputs.values())}))
        device = self._device(preparation.uses_gpu)
        sources = self.sources.of(type(preparation))
        key = digest(
            {
                **self._shared_key(sources, device),
                "name": preparation.name,
                "params": plain(preparation.params),
                "task": spec.model_dump(mode="json") if ids is not None else None,
                "documents": self._digest(spec.task, ids) if ids is not None else None,
                "versions": versions_of(modules),
                "inputs": inputs,
            }
        )[:40]
        if key not in self.preparations:
            self.preparations[key] = PlannedPreparation(
                key=key,
                preparation=preparation,
                method=method.spec,
                path=path,
                task=spec,
                ids=ids,
                inputs=inputs,
                modules=modules,
                device=device,
                stored=not self.options.fresh and self._usable(key),
                include_paths=included_file(method.adapter),
            )
        return key

    def _device(self, uses_gpu: bool) -> str:
        wants = uses_gpu and self.suite.limits.device == "auto"
        if self.options.elsewhere:
            return "cuda" if wants and self.options.gpus_per_cell else "cpu"
        return device_for(wants)

    def _usable(self, key: str) -> bool:
        """Whether a preparation is there with costs that hold here: a cost measured on another
        machine, or beside other cells, is not what it costs here alone."""
        cost = self.store.preparation_cost(key)
        if cost is None or self._is_foreign(cost.machine):
            return False
        if damaged_files(self.store.preparation(key)):
            return False
        return not cost.contended or self.options.workers > 1

    def _is_foreign(self, fingerprint: str) -> bool:
        """Whether costs of another machine are none here. Of cells that run elsewhere nobody knows where."""
        return not self.options.elsewhere and fingerprint != machine()["fingerprint"]

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
        limit = self.checked.memory_bytes
        bounds = [(needs.memory_bytes, limit, "the limit of a cell (--memory)")]
        if not self.options.elsewhere:
            on_gpu = needs.gpu_memory_bytes if device == "cuda" else 0
            bounds.append((needs.memory_bytes, machine_memory(), "this machine's memory"))
            bounds.append((on_gpu, gpu_memory(), "the GPU's memory"))
        for needed, most, what in bounds:
            if needed > most:
                return f"needs at least {show_size(needed)}, more than {what}: {show_size(most)}"
        return ""

    def _peak(self, adapter: Adapter, task: Task, split: Split) -> int:
        """About the most memory that a method takes; 0 where it cannot tell, or fails to."""
        if type(adapter).peak_bytes is Adapter.peak_bytes:
            return 0
        used = {*split.train, *split.validation, *split.test}
        try:
            return int(adapter.peak_bytes([one for one in self.projected[task] if one.id in used]))
        except Exception:  # an estimate that fails must not stop the run
            return 0

    def _state(
        self,
        key: str,
        missing: str,
        members: Sequence[PlannedCell],
        learns_from: Sequence[PlannedCell],
    ) -> tuple[State, str, Record | None]:
        record = None if self.options.fresh else self.store.record(key)
        if missing:
            return "missing", missing, record
        if record is None:
            return "run", "", None
        if damaged := self.store.damaged_in_cell(key) - {SCORES}:
            return "run", f"{min(damaged)} is damaged", record
        if why := why_again(record, members, learns_from):
            return "run", why, record
        if record.status == "missing_dependency":
            return "run", "it lacked a dependency before", record
        if record.status != "ok":
            if self.options.retry:
                return "run", f"it ended {record.status} before", record
            if record.strict and not self.options.strict:
                return "run", "it was run with --strict before", record
            if record.status == "timeout" and self.checked.timeout_s > record.timeout_s:
                return "run", "its time limit was lower before", record
            if record.status == "out_of_memory" and self.checked.memory_bytes > record.memory_bytes:
                return "run", "its memory limit was lower before", record
            return "stored", "", record
        if record.failed_documents is not None and self.options.strict:
            return "run", "it raised on documents, which --strict does not allow", record
        if self._is_foreign(record.machine["fingerprint"]):
            return "run", "its costs were measured on another machine", record
        if edited := edited_since(record.more_sources):
            return "run", f"{edited} was edited since it ran", record
        if record.contended and self.options.workers == 1:
            return "run", "its costs were measured while other cells ran", record
        return "stored", "", record


def _missing(adapter: Adapter) -> str:
    """What a method lacks here; empty where it can run."""
    try:
        adapter.missing()
    except MissingDependency as error:
        return str(error)
    return ""
