"""Reads a suite and its dataset, or makes a suite for a dataset that comes without one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from readbench.core.errors import BenchError
from readbench.core.types import Dataset
from readbench.datasets import open_dataset
from readbench.datasets.options import ReadOptions
from readbench.planning.infer import infer_suite
from readbench.planning.suite import Suite, find_suite, load_suite
from readbench.planning.suite_language import count_other_languages, unnamed_language


@dataclass(frozen=True)
class ReadSuite:
    """A suite and its dataset as they were read. ``why`` says how a suite was made that nobody wrote."""

    suite: Suite
    dataset: Dataset
    why: str = ""


def read_suite(reference: str | None, dataset: str | None, labels: Path | None) -> ReadSuite:
    """The suite of a name or a file, with the dataset that it names; ``dataset`` and ``labels`` take the
    place of what the suite says. Without a suite one is made from the targets of the dataset.

    Raises BenchError for a suite or a dataset that cannot be read, and where neither is named.
    """
    if reference is None:
        if dataset is None:
            todo = "name a suite (bench ls suites) or give --dataset FILE"
            raise BenchError("nothing to run", todo=todo)
        data = open_dataset(dataset, ReadOptions(labels=labels))
        suite, why = infer_suite(data)
        return ReadSuite(suite, count_other_languages(suite, data), why)
    suite = load_suite(find_suite(reference))
    target = dataset or suite.dataset.name
    if target is None:
        raise BenchError(
            "it names no dataset",
            where=f"suite {suite.name}",
            todo=f"give one: bench run {suite.name} --dataset FILE (or papers-demo)",
        )
    update = {"language": unnamed_language(suite)} | ({"labels": labels} if labels else {})
    options = ReadOptions(**suite.dataset.model_dump(exclude={"name"}) | update)
    return ReadSuite(suite, count_other_languages(suite, open_dataset(target, options)))
