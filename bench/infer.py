"""A suite for a dataset that came without one: the task is read off the targets."""

from __future__ import annotations

from readbench.errors import BenchError
from readbench.language_codes import language_code
from readbench.suite import Suite, find_suite, load_suite
from readbench.suite_language import own_language
from readbench.types import Dataset

DEFAULT_SUITES = {"keyphrases": "keyphrases"}
"""The suite whose methods are run for a task."""


def infer_suite(dataset: Dataset) -> tuple[Suite, str]:
    """A suite over the tasks that the dataset has targets for, and one line that says why.

    Raises BenchError where no target is known, or only of a task that no shipped suite covers.
    """
    known = [task for task, of_task in dataset.targets.items() if any(of_task.values())]
    usable = [task for task in known if task in DEFAULT_SUITES]
    if not usable:
        has = f"only targets for {', '.join(known)}" if known else "neither keyphrases nor labels"
        raise BenchError(
            f"no task can be read off it: it has {has}", where=dataset.source or dataset.name,
            todo="add a column Keywords, or name the gold column in a suite (`bench init` writes one)",
        )  # fmt: skip
    base = load_suite(find_suite(DEFAULT_SUITES[usable[0]]))
    suite = base.model_copy(
        update={"name": dataset.name, "tasks": {task: base.tasks[task] for task in usable}}
    )
    fields = {name for document in dataset.documents for name in document.fields}
    if "text" in fields and not fields & {"title", "abstract"}:
        section = base.tasks[usable[0]].model_copy(update={"fields": ("text",)})
        suite = suite.model_copy(update={"tasks": {usable[0]: section}})
    language = language_code(own_language(dataset))
    suite = suite.model_copy(
        update={
            "tasks": {
                task: section.model_copy(update={"language": language})
                for task, section in suite.tasks.items()
            }
        }
    )
    with_gold = sum(bool(target) for target in dataset.targets[usable[0]].values())
    ignored = [task for task in known if task not in usable]
    also = f" (its {', '.join(ignored)} targets are not used)" if ignored else ""
    return suite, (
        f"task {usable[0]}: {with_gold} of {len(dataset.documents)} documents have gold keyphrases{also}; "
        f"read as {language!r}; methods of the suite {DEFAULT_SUITES[usable[0]]}"
    )
