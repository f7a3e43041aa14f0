"""The page of metrics and costs, from the tables of the code: formula, unit, direction and source of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from readbench.results.cost_table import COST_TABLE, Cost
from readbench.tasks import get_task, task_names
from readbench.tasks.base import TaskDefinition
from readbench.tasks.metric import Metric, OfMeans, OfSample

HEAD = """# Metrics and costs

Metrics are shares without a unit, in the range that the table gives. The unit of a cost ends its name.
`bench ls metrics NAME` prints one metric in full. A metric has a version, which names its normaliser, its
stemmer and its rule of matching. Values of two versions are never compared.

In the formulas `gold` and `predicted` are numbers of phrases or facts, and `matches` and `right` are numbers
of those in both. TP, FP and FN count documents: put into a class rightly, put into it wrongly, and missed.
A ratio whose denominator is 0 is 0. Values of `jcdl2020.*` can pass 1 where gold phrases have equal stems, as
in the published scorer.

How the number of all documents comes about:

- **mean**: the mean over the documents that count;
- **of means**: computed from the means of other metrics;
- **whole sample**: computed from all documents at once.

[Statistics](../statistics.md) says which 95 % interval each has. `make reference` writes this page from the
tables in `bench/tasks/` and `bench/results/cost_table.py`.
"""

COSTS = """## Costs

A board joins the cells of one method (folds and seeds) into one number. A method that is made of others is
charged with what they cost. A cost that was not measured is null, never 0.

| cost | unit | better | what is measured | over folds | over members |
| --- | --- | --- | --- | --- | --- |
"""

COSTS_SOURCE = """
Sources: clocks and processor time are the kernel's (`clock_gettime`). Memory is the private memory of one
process (USS), or the sum of the proportional shares of several (PSS), from `/proc/PID/smaps_rollup`. GPU
memory is torch's own count and NVML's. [Architecture](../architecture.md#memory) says how they are taken.
"""


def page() -> str:
    parts = [HEAD]
    for task in map(get_task, task_names()):
        parts += [f"## {task.name.capitalize()}\n", _intro(task)]
        parts += [_family(name, metrics) for name, metrics in _families(task)]
    return "\n".join([*parts, COSTS]) + "".join(map(_cost, COST_TABLE.values())) + COSTS_SOURCE


def _intro(task: TaskDefinition) -> str:
    board = ", ".join(f"`{name}`" for name in task.board)
    return f"`{task.primary}` ranks where a suite names no other; beside it a board shows {board}.\n"


def _families(task: TaskDefinition) -> Iterator[tuple[str, list[Metric]]]:
    """Metrics that begin alike (``present.``, ``jcdl2020.``), in the order of the table."""
    families: dict[str, list[Metric]] = {}
    for metric in task.metrics:
        start, dot, _ = metric.id.partition(".")
        families.setdefault(start if dot else "", []).append(metric)
    yield from families.items()


def _family(name: str, metrics: list[Metric]) -> str:
    lines = [f"### `{name}.*`\n"] if name else []
    lines += [
        "| metric | what it is | formula | range | better | number |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [_row(metric) for metric in metrics]
    versions = _grouped({metric.id: metric.version for metric in metrics})
    sources = _grouped({metric.id: metric.source for metric in metrics})
    lines += ["", "*Version*", "", *versions, "", "*Source*", "", *sources, ""]
    return "\n".join(lines)


def _row(metric: Metric) -> str:
    low, high = metric.bounds
    better = "higher" if metric.higher_is_better else "lower"
    kinds = {OfMeans: "of means", OfSample: "whole sample"}
    kind = kinds.get(type(metric.aggregate), "mean")
    cells = (f"`{metric.id}`", metric.summary, f"`{metric.formula}`", f"{low:g} to {high:g}", better, kind)
    return f"| {' | '.join(cells)} |"


def _grouped(texts: Mapping[str, str]) -> list[str]:
    """One line a text, with the metrics that it holds for where it does not hold for all."""
    lines = []
    for text in dict.fromkeys(texts.values()):
        those = [f"`{id_}`" for id_, other in texts.items() if other == text]
        which = f"{', '.join(those)}: " if len(those) < len(texts) else ""
        lines.append(f"- {which}{_escaped(text)}")
    return lines


def _escaped(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*")


def _cost(cost: Cost) -> str:
    better = "higher" if cost.higher_is_better else "lower"
    cells = (cost.name, cost.unit, better, cost.meaning, cost.over_folds, cost.over_members or "its own")
    return f"| `{cells[0]}` | {' | '.join(cells[1:])} |\n"
