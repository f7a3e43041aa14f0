"""Reads a suite and its dataset, or makes a suite for a dataset that comes without one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from readbench.core.errors import BenchError
from readbench.core.types import Dataset
from readbench.datasets import open_dataset
from readbench.datasets.options import read_options
from readbench.planning.infer import infer_suite
from readbench.planning.plan import Options
from readbench.planning.suite import Suite, find_suite, load_suite
from readbench.planning.suite_language import count_other_languages, unnamed_language
from readbench.planning.suite_options import with_options


@dataclass(frozen=True)
class ReadSuite:
    """A suite and its dataset as they were read. ``why`` says how a suite was made that nobody wrote."""

    suite: Suite
    dataset: Dataset
    why: str = ""


def read_suite(
    reference: str | None, dataset: str | None, labels: Path | None, options: Options
) -> ReadSuite:
    """The suite of a name or a file, with the dataset that it names; ``dataset``, ``labels`` and the reading
    options take the place of what the suite says. Without a suite one is made from the dataset's targets.

    Raises BenchError for a suite or a dataset that cannot be read, and where neither is named.
    """
    given = dict(options.reading) | ({"labels": str(labels)} if labels else {})
    if reference is None:
        if dataset is None:
            todo = "name a suite (bench ls suites) or give --dataset FILE"
            raise BenchError("nothing to run", todo=todo)
        data = open_dataset(dataset, read_options(given))
        suite, why = infer_suite(data)
        suite = with_options(suite, options)
        return ReadSuite(suite, count_other_languages(suite, data), why)
    suite = with_options(load_suite(find_suite(reference)), options)
    target = dataset or suite.dataset.name
    if target is None:
        raise BenchError(
            "it names no dataset",
            where=f"suite {suite.name}",
            todo=f"give one: bench run {suite.name} --dataset FILE (or papers-demo)",
        )
    said = suite.dataset.model_dump(exclude={"name"}, exclude_unset=True)
    language = unnamed_language(suite)
    reading = read_options(said | ({"language": language} if language else {}) | given)
    return ReadSuite(suite, count_other_languages(suite, open_dataset(target, reading)))
