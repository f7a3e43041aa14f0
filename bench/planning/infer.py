"""A suite for a dataset that came without one: the tasks are read off the targets."""

from __future__ import annotations

from readbench.core.errors import BenchError
from readbench.core.types import Dataset, Task
from readbench.datasets.columns import listed
from readbench.datasets.splits import SplitSpec
from readbench.planning.suite import Suite, TaskSection, find_suite, load_suite
from readbench.planning.suite_language import own_language
from readbench.text.languages import language_code

DEFAULT_SUITES: dict[Task, str] = {
    "keyphrases": "keyphrases",
    "classification": "papers",
    "extraction": "reviews-and-facts",
}
"""The suite whose methods are run for a task."""


def infer_suite(dataset: Dataset) -> tuple[Suite, str]:
    """A suite over the tasks that the dataset has targets for, and one line that says why.

    Raises BenchError where no target is known, or only of a task that no shipped suite covers.
    """
    known = [task for task, of_task in dataset.targets.items() if any(of_task.values())]
    # Where all documents have one label, there is nothing to tell apart.
    single = {task for task in known if task == "classification" and len(_labels(dataset)) < 2}
    usable = [task for task in known if task in DEFAULT_SUITES and task not in single]
    if "extraction" in usable:
        # Its labels are the classification targets, and its fields none that a suite of papers names.
        usable = ["extraction"]
    if not usable and single:
        (only,) = _labels(dataset)
        raise BenchError(
            f"all its labels are {only!r}: there is nothing to tell apart",
            where=dataset.source or dataset.name,
            todo="give documents of a second class too (bench audit shows what is there)",
        )
    if not usable:
        has = f"only targets for {', '.join(known)}" if known else "neither keyphrases nor labels"
        columns = f"; columns found: {listed(dataset.columns)}" if dataset.columns else ""
        raise BenchError(
            f"no task can be read off it: it has {has}{columns}",
            where=dataset.source or dataset.name,
            todo='name the gold column in a suite: [dataset.columns] keyphrases = "…" or label = "…" (`bench '
            "init` writes one), or join --labels FILE",
        )
    sections: dict[Task, TaskSection] = {}
    reasons = []
    language = language_code(own_language(dataset))
    for task in usable:
        base = load_suite(find_suite(DEFAULT_SUITES[task]))
        # One task keeps the suite's own split in its usual place; of two, each brings its own.
        own: dict[str, object] = {} if len(usable) == 1 else {"split": base.split_of(task)}
        own |= {"language": language, "fields": _fields(dataset, base.tasks[task].fields)}
        sections[task] = base.tasks[task].model_copy(update=own)
        reasons.append(_why(dataset, task))
    suite = load_suite(find_suite(DEFAULT_SUITES[usable[0]])).model_copy(
        update={"name": dataset.name, "tasks": sections}
    )
    if suite.split.kind == "given" and "test" not in dataset.parts.values():
        suite = suite.model_copy(update={"split": SplitSpec(kind="holdout")})
    ignored = [task for task in known if task not in usable]
    also = f" (its {', '.join(ignored)} targets are not used)" if ignored else ""
    fields = dict.fromkeys(field for section in sections.values() for field in section.fields)
    return suite, f"{'; '.join(reasons)}{also}; fields {', '.join(fields)}, read as {language!r}"


def _fields(dataset: Dataset, usual: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the usual fields that some document has, and ``text`` where there is no abstract."""
    names = {name for document in dataset.documents for name in document.fields}
    found = tuple(name for name in usual if name in names)
    return (*found, "text") if "text" in names and "abstract" not in found else found or ("text",)


def _labels(dataset: Dataset) -> list[str]:
    return sorted({str(label) for label in dataset.targets["classification"].values() if label})


def _why(dataset: Dataset, task: Task) -> str:
    targets = dataset.targets[task]
    with_gold = sum(bool(target) for target in targets.values())
    what = "gold facts or a label" if task == "extraction" else "gold keyphrases"
    if task == "classification":
        labels = _labels(dataset)
        shown = ", ".join(labels[:8]) + (" …" if len(labels) > 8 else "")
        what = f"a label ({shown})"
    return (
        f"task {task}: {with_gold} of {len(dataset.documents)} documents have {what}; "
        f"methods of the suite {DEFAULT_SUITES[task]}"
    )
