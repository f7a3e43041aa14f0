"""A suite: which dataset, which split, which tasks, which methods, under which limits (TOML, no code)."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from readbench.core.errors import BenchError
from readbench.core.invalid import first_problem
from readbench.core.names import suggestion
from readbench.core.toml_files import read_toml
from readbench.core.types import Task
from readbench.core.units import memory_limit, seconds
from readbench.core.usage import Price
from readbench.datasets.options import ReadOptions
from readbench.datasets.splits import SplitSpec
from readbench.tasks.spec import TaskSpec


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DatasetSection(ReadOptions):
    """``[dataset]``: what to read, and how (every reading option)."""

    name: str | None = Field(None, description="an embedded corpus, or a path; --dataset overrides it")


class Limits(_Section):
    """``[limits]``: what one cell may take."""

    timeout: float = Field(1800.0, description="seconds, or a text such as 10m")
    memory: int = Field(8 * 2**30, description="bytes, or a text such as 8GiB")
    threads: int = Field(1, ge=1, description="threads of each cell's libraries")
    device: Literal["auto", "cpu"] = Field("auto", description="auto: a GPU for what can use one")

    @field_validator("timeout", mode="before")
    @classmethod
    def _timeout(cls, value: Any) -> float:
        return _quantity("limits.timeout", value, seconds)

    @field_validator("memory", mode="before")
    @classmethod
    def _memory(cls, value: Any) -> int:
        return _quantity("limits.memory", value, memory_limit)


Quantity = TypeVar("Quantity", int, float)


def _quantity(key: str, value: Any, read: Callable[[Any], Quantity]) -> Quantity:
    try:
        return read(value)
    except BenchError as error:
        raise BenchError(error.what, where=key, todo=error.todo) from None


class Tuned(_Section):
    """``[[tasks.NAME.tuned]]``: a method whose parameters are chosen on the validation part, from every
    combination of the listed values, and frozen before the test part is looked at."""

    method: str = Field(description="the method, with parameters that stay as they are in brackets")
    params: dict[str, tuple[Any, ...]] = Field(
        min_length=1, description="the values to try, by the name of the parameter"
    )

    @field_validator("params", mode="after")
    @classmethod
    def _listed(cls, value: dict[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
        empty = [name for name, values in value.items() if not values]
        if empty:
            raise ValueError(f"{empty[0]} lists no values")
        return value


class Reference(_Section):
    """``[tasks.NAME.reference]``: values from elsewhere that the board shows beside one metric, by adapter
    name or spec. ``label`` heads the column."""

    label: str = Field(description="heading of the column")
    metric: str = Field(description="the metric of the board that the values stand beside")
    values: dict[str, float] = Field(min_length=1, description="the value, by method")


class TaskSection(_Section):
    """``[tasks.NAME]``: what is asked, of which methods, and how the board ranks them."""

    fields: tuple[str, ...] = Field(
        ("title", "abstract"), description="the fields that methods may read, in this order"
    )
    language: str | None = Field(None, description="language of the texts; that of [dataset] by default")
    labels: tuple[str, ...] = Field((), description="the classes; those of the gold labels by default")
    positive: str | None = Field(None, description="of two labels, the class of precision, recall and f1")
    prompt: str = Field("", description="what language models are asked, with fields: {title}, {labels}")
    methods: tuple[str, ...] = Field(
        (), description="the methods, each with parameters in brackets where they are not the defaults"
    )
    tuned: tuple[Tuned, ...] = Field((), description="methods whose parameters are chosen")
    primary: str | None = Field(None, description="the metric that ranks; the task's own by default")
    board: tuple[str, ...] = Field((), description="the metrics shown beside it")
    reference: Reference | None = Field(None, description="values from elsewhere, for comparison")
    split: SplitSpec | None = Field(None, description="a split of this task's own, in place of [split]")

    @model_validator(mode="after")
    def _something_to_run(self) -> TaskSection:
        if not self.methods and not self.tuned:
            raise ValueError("there is neither a method nor a tuned one")
        return self


class Suite(_Section):
    """A suite file, validated."""

    name: str = Field(description="the name under which boards and runs keep it")
    version: int = Field(1, ge=1, description="raise it when results stop being comparable")
    description: str = Field("", description="the question that it answers, in a sentence")
    seed: int = Field(20240, description="of splits, samples and trainings; --seed overrides it")
    dataset: DatasetSection = Field(DatasetSection(), description="what is read, and how")
    split: SplitSpec = Field(SplitSpec(), description="training, validation and test documents")
    tasks: dict[Task, TaskSection] = Field(min_length=1, description="one section a task")
    limits: Limits = Field(Limits(), description="what one cell may take")
    prices: dict[str, Price] = Field(default_factory=dict, description="of models behind an API, by name")

    @field_validator("prices", mode="after")
    @classmethod
    def _one_currency(cls, value: dict[str, Price]) -> dict[str, Price]:
        currencies = sorted({price.currency for price in value.values()})
        if len(currencies) > 1:
            raise ValueError(f"a board has one currency, and there are {' and '.join(currencies)}")
        return value

    def split_of(self, task: Task) -> SplitSpec:
        return self.tasks[task].split or self.split

    def spec(self, task: Task) -> TaskSpec:
        section = self.tasks[task]
        return TaskSpec(
            task=task,
            fields=section.fields,
            language=section.language or self.dataset.language,
            labels=section.labels,
            positive=section.positive,
            prompt=section.prompt,
        )


def suite_folders() -> list[Path]:
    """Where suites are looked for by name: ./suites, then those that came with the installation."""
    here = Path(__file__).resolve().parents[1]
    return [Path("suites"), here / "suites", here.parent / "suites"]


def list_suites() -> dict[str, Path]:
    """The files of all suites that can be named, by name; the first folder that has a name wins."""
    found: dict[str, Path] = {}
    for folder in suite_folders():
        for path in sorted(folder.glob("*.toml")):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def find_suite(reference: str) -> Path:
    """A suite by name or path. Raises BenchError with near names where there is none, and with the option
    to write where a dataset is named in its place."""
    path, known = Path(reference), list_suites()
    if path.suffix == ".toml":
        if path.is_file():
            return path
        beside = [str(file) for file in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        todo = suggestion(reference, [*beside, *known], "`bench ls suites` lists those with a name")
        raise BenchError("there is no such suite file", where=reference, todo=todo)
    if reference in known:
        return known[reference]
    from readbench.datasets import may_be_dataset

    if may_be_dataset(reference):
        raise BenchError(
            f"{reference!r} is a dataset, not a suite",
            todo=f"write --dataset {shlex.quote(reference)}, with a suite before it or without one",
        )
    raise BenchError(f"no suite is called {reference!r}", todo=suggestion(reference, known))


def load_suite(path: Path) -> Suite:
    """Reads and validates a suite file. Raises BenchError with file and key (or line)."""
    data = read_toml(path, "the suite")
    data.setdefault("name", path.stem)
    try:
        return Suite.model_validate(data)
    except ValidationError as error:
        problem = first_problem(error, Suite)
        raise BenchError(f"{problem.key}: {problem.what}", where=str(path), todo=problem.todo) from None
    except BenchError as error:
        raise BenchError(f"{error.where}: {error.what}", where=str(path), todo=error.todo) from None
