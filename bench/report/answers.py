"""What verbs answer to a program, as values; ``docs/json.md`` describes each field.

A verb makes its answer once. The table for people and the JSON show the same value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from readbench.core.escape import json_text


@dataclass(frozen=True)
class Tuned:
    method: str
    params: Mapping[str, list[Any]]


@dataclass(frozen=True)
class SuiteTask:
    task: str
    methods: tuple[str, ...]
    tuned: tuple[Tuned, ...]


@dataclass(frozen=True)
class Suite:
    name: str
    version: int | None
    description: str
    tasks: tuple[SuiteTask, ...]
    problem: str | None


@dataclass(frozen=True)
class Suites:
    """``bench ls suites``"""

    suites: tuple[Suite, ...]


@dataclass(frozen=True)
class Corpus:
    name: str
    documents: int
    summary: str


@dataclass(frozen=True)
class Datasets:
    """``bench ls datasets``"""

    datasets: tuple[Corpus, ...]


@dataclass(frozen=True)
class Metric:
    name: str
    task: str
    higher_is_better: bool
    version: str
    summary: str


@dataclass(frozen=True)
class Metrics:
    """``bench ls metrics``"""

    metrics: tuple[Metric, ...]


@dataclass(frozen=True)
class Parameter:
    name: str
    default: Any
    description: str


@dataclass(frozen=True)
class Method:
    name: str
    tasks: tuple[str, ...]
    summary: str
    runs_here: bool
    missing: str | None
    todo: str | None
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True)
class Methods:
    """``bench ls methods``. ``problems``: files of methods that cannot be read, and why."""

    methods: tuple[Method, ...]
    problems: Mapping[str, str]


@dataclass(frozen=True)
class Run:
    name: str
    suite: str
    dataset: str
    status: str
    started_at: str
    cells: int
    ok: int
    bytes: int
    problem: str | None


@dataclass(frozen=True)
class Runs:
    """``bench ls runs``, the newest first."""

    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Size:
    name: str
    entries: int
    bytes: int


@dataclass(frozen=True)
class Sizes:
    """``bench du``"""

    folder: str
    parts: tuple[Size, ...]
    bytes: int


@dataclass(frozen=True)
class Check:
    """One line of ``bench doctor``."""

    name: str
    state: Literal["ok", "missing", "warning"]
    found: str
    todo: str = ""


@dataclass(frozen=True)
class Doctor:
    """``bench doctor``"""

    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Test:
    name: str
    passed: bool
    why: str


@dataclass(frozen=True)
class Checked:
    """``bench check``"""

    method: str
    passed: bool
    tests: tuple[Test, ...]


@dataclass(frozen=True)
class Fitted:
    """``bench fit``"""

    model: str
    method: str
    task: str
    learned: bool
    documents: Mapping[str, int]
    fit_s: float


@dataclass(frozen=True)
class Predicted:
    """``bench predict``"""

    output: str
    documents: int
    resumed: int
    without_text: int
    shards: int


@dataclass(frozen=True)
class PlannedCell:
    task: str
    method: str
    fold: int
    repeat: int
    state: Literal["run", "stored", "missing", "refused"]
    why: str | None
    stored_status: str | None
    device: str
    needed_bytes: int | None
    peak_bytes: int | None
    documents: int
    shards: int
    in_one: str | None
    estimate_s: float | None
    estimate_bytes: int | None
    estimate_from: str | None
    key: str
    on_validation: bool


@dataclass(frozen=True)
class PlannedPreparation:
    name: str
    documents: int
    device: str
    estimate_s: float | None
    estimate_bytes: int | None
    estimate_from: str | None


@dataclass(frozen=True)
class PlannedTotal:
    cells_s: float
    preparations_s: float
    imports_s: float | None
    start_s: float | None
    total_s: float | None
    unknown: int
    peak_bytes: int | None


@dataclass(frozen=True)
class PlannedTask:
    folds: int
    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class Stage:
    """``choose``: parameters are chosen on the validation part. ``measure``: on the test part."""

    stage: Literal["choose", "measure"]
    tasks: Mapping[str, PlannedTask]
    preparations: tuple[PlannedPreparation, ...]
    cells: tuple[PlannedCell, ...]
    total: PlannedTotal


@dataclass(frozen=True)
class Planned:
    """``bench plan``"""

    suite: str
    dataset: str
    fingerprint: str
    documents: int
    seed: int
    limit: int | None
    timeout_s: float
    memory_bytes: int
    decisions: tuple[str, ...]
    left_out: Mapping[str, int]
    stages: tuple[Stage, ...]
    exit_status: int


@dataclass(frozen=True)
class FailedCell:
    status: str
    type: str | None
    message: str | None
    output: str | None
    traceback: str | None


@dataclass(frozen=True)
class ShownDocument:
    id: str
    score: float | None
    gold: Any
    prediction: Any
    fields: Mapping[str, str] | None
    error: str | None = None


@dataclass(frozen=True)
class Shown:
    """``bench show``"""

    run: str
    task: str
    method: str
    metric: str
    failure: FailedCell | None
    documents: tuple[ShownDocument, ...]


def as_json(answer: Any) -> str:
    """The JSON text of one of these values."""
    return json_text(asdict(answer))
