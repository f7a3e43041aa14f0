"""Trains one method on a dataset and keeps it as a model folder (`bench fit`)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, cast

from readbench.adapter import Adapter, Context, Ensemble, PreparationNeed
from readbench.core.clock import now
from readbench.core.errors import BenchError
from readbench.core.types import Dataset, Document, Part, Task
from readbench.datasets.splits import SplitSpec, make_splits
from readbench.engine.workbench import Workbench
from readbench.machine.gpu import device_for
from readbench.machine.machine import machine
from readbench.machine.versions import versions_of
from readbench.methods.registry import Method, Registry, plain
from readbench.planning.labels import stated_labels, with_labels
from readbench.tasks.spec import TaskSpec
from readbench.trained.folder import (
    MODEL,
    PREPARATIONS,
    ModelManifest,
    begin,
    finish,
    inputs_of,
    weights_beside,
)
from readbench.trained.row_file import writing

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class FitPlan:
    """What would be trained, and on what: all that can be said before it is."""

    method: Method
    spec: TaskSpec
    dataset: Dataset
    parts: Mapping[Part, Dataset]
    seed: int


def fit(
    method_spec: str,
    dataset: Dataset,
    output: Path,
    *,
    task: Task | None = None,
    fields: Sequence[str] = (),
    validation: float = 0.0,
    seed: int = 20240,
    threads: int = 1,
    include_paths: Sequence[Path] = (),
    progress: Progress = lambda done, total: None,  # noqa: ARG005
) -> ModelManifest:
    """Trains on all documents that have a target, less a stratified share for validation, and writes the
    model folder. The folder appears complete or not at all.

    Raises BenchError for an unknown method, a dataset without targets, and where the folder is taken.
    """
    plan = plan_fit(
        method_spec,
        dataset,
        task=task,
        fields=fields,
        validation=validation,
        seed=seed,
        include_paths=include_paths,
    )
    return train(plan, output, threads=threads, progress=progress)


def plan_fit(
    method_spec: str,
    dataset: Dataset,
    *,
    task: Task | None = None,
    fields: Sequence[str] = (),
    validation: float = 0.0,
    seed: int = 20240,
    include_paths: Sequence[Path] = (),
) -> FitPlan:
    """Raises BenchError for an unknown method and a dataset without targets, MissingDependency for a method
    that cannot run here."""
    method = Registry(include_paths).method(method_spec)
    if issubclass(method.adapter, Ensemble):
        raise BenchError(
            f"{method.adapter.name} is made of what other methods predict, and a folder holds one method",
            todo="fit its members",
        )
    task = _task(method, dataset, task)
    spec = TaskSpec(task=task, fields=tuple(fields) or _fields(dataset), language=_language(dataset))
    targets = dataset.targets.get(task, {})
    if targets:
        dataset = dataset.only(d.id for d in dataset.documents if targets.get(d.id))
    if task == "classification":
        spec = with_labels(spec, dataset)
    elif task == "extraction":
        spec = spec.model_copy(update={"labels": stated_labels(dataset)})
    parts = _parts(dataset, spec, validation, seed)
    plan = FitPlan(method, spec, dataset, parts, seed)
    method.create(Context(task=spec, seed=seed, device=device_for(method.adapter.uses_gpu))).missing()
    return plan


def train(
    plan: FitPlan,
    output: Path,
    *,
    threads: int = 1,
    progress: Progress = lambda done, total: None,  # noqa: ARG005
) -> ModelManifest:
    """Trains as planned and writes the model folder. Raises BenchError where its place is taken, or where it
    cannot be written."""
    method, spec, dataset, parts, seed = plan.method, plan.spec, plan.dataset, plan.parts, plan.seed
    workspace = begin(output)
    notes: dict[str, Any] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="bench-fit-") as folder:
            bench = Workbench(
                method,
                spec,
                Path(folder),
                seed,
                threads,
                device_for(method.adapter.uses_gpu),
                progress,
                notes.__setitem__,
            )
            adapter = bench.loaded({part: data.documents for part, data in parts.items()})
            began = perf_counter()
            adapter.fit(parts["train"], parts["validation"])
            fit_s = perf_counter() - began
            with writing(output):
                (workspace / MODEL).mkdir()
                adapter.save(workspace / MODEL)
                kept = _keep_preparations(bench, parts, workspace)
            manifest = ModelManifest(
                method=method.spec,
                params=plain(method.params),
                spec=spec,
                seed=seed,
                dataset=dataset.name,
                fingerprint=dataset.fingerprint,
                fit_s=fit_s,
                created_at=now(),
                documents={part: len(data.documents) for part, data in parts.items()},
                machine=machine(),
                versions=versions_of(adapter.modules()),
                notes=notes,
                preparations=kept,
                weights=weights_beside(adapter),
                inputs=inputs_of(bench.needs(), kept),
            )
        with writing(output):
            return finish(workspace, output, manifest)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def learns(method: Method, spec: TaskSpec) -> bool:
    """Whether a method learns anything from the documents of its training: most that rank keyphrases do
    not."""
    needs = method.create(Context(task=spec)).needs().preparations.values()
    return method.adapter.fit is not Adapter.fit or any(map(_of_training, needs))


def _task(method: Method, dataset: Dataset, task: Task | None) -> Task:
    able = method.adapter.tasks
    if task is not None:
        if task not in able:
            raise BenchError(f"{method.adapter.name} does {', '.join(sorted(able))}, not {task}")
        return task
    known = [name for name, targets in dataset.targets.items() if name in able and any(targets.values())]
    if len(known) == 1:
        return known[0]
    if len(able) == 1 and not known:
        only = next(iter(able))
        if only == "keyphrases":
            return only  # most of its methods learn nothing
        raise BenchError(
            f"it has no targets for the task {only}",
            where=f"dataset {dataset.name}",
            todo="name the gold column, or join --labels FILE",
        )
    raise BenchError(
        f"{method.adapter.name} could learn {' or '.join(sorted(known or able))}",
        todo="say which: --task NAME",
    )


def _fields(dataset: Dataset) -> tuple[str, ...]:
    known = {name for document in dataset.documents for name in document.fields}
    usual = tuple(name for name in ("title", "abstract", "instruction", "input") if name in known)
    return usual or (("text",) if "text" in known else tuple(sorted(known)))


def _language(dataset: Dataset) -> str:
    languages = [document.language for document in dataset.documents]
    return max(set(languages), key=languages.count)


def _parts(dataset: Dataset, spec: TaskSpec, validation: float, seed: int) -> dict[Part, Dataset]:
    documents = {d.id: spec.project(d) for d in dataset.documents}
    train: Sequence[str] = list(documents)
    held: Sequence[str] = ()
    if validation:
        labels = dataset.targets.get("classification") if spec.task == "classification" else None
        split = SplitSpec(kind="holdout", test=validation)
        (fold,) = make_splits(dataset, split, seed, cast("Mapping[str, str] | None", labels))
        train, held = fold.train, fold.test
    targets = dataset.targets.get(spec.task, {})

    def part(ids: Sequence[str]) -> Dataset:
        known = {id_: targets[id_] for id_ in ids if id_ in targets}
        return Dataset("", tuple(documents[id_] for id_ in ids), {spec.task: known})

    return {"train": part(train), "validation": part(held), "test": part(())}


def _keep_preparations(bench: Workbench, parts: Mapping[Part, Dataset], workspace: Path) -> list[str]:
    """Copies what was made of the training part alone: it is part of the model."""
    kept = []
    documents: Mapping[Part, Sequence[Document]] = {part: data.documents for part, data in parts.items()}
    for name, need in bench.needs().items():
        if _of_training(need):
            shutil.copytree(bench.files(need, documents), workspace / PREPARATIONS / name)
            kept.append(name)
    return kept


def _of_training(need: PreparationNeed) -> bool:
    return bool(need.parts) and "test" not in need.parts
