"""What each cost of a cell is: its unit, which direction is better, how it joins, and how it is shown.

One line a field of ``Costs``. Whoever needs to know more of a cost than its value looks it up here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Literal

from readbench.core.units import show_count, show_money, show_rate, show_seconds, show_share, show_size
from readbench.results.record import Costs

Unit = Literal["seconds", "bytes", "documents a second", "share", "money", "tokens", "requests"]

Join = Literal["mean", "sum", "largest", "mean of documents", "one after another"]
"""How values become one. ``mean of documents``: the rate whose time per document is the mean of theirs.
``one after another``: the rate of a document that takes the time of each of them."""

_SHOW: Mapping[Unit, Callable[[float | None], str]] = {
    "seconds": show_seconds,
    "bytes": show_size,
    "documents a second": show_rate,
    "share": show_share,
    "money": show_money,
    "tokens": show_count,
    "requests": show_count,
}

_JOINS: Mapping[Join, Callable[[Sequence[float]], float]] = {
    "mean": lambda values: sum(values) / len(values),
    "sum": sum,
    "largest": max,
    "mean of documents": lambda rates: len(rates) / sum(1 / rate for rate in rates),
    "one after another": lambda rates: 1 / sum(1 / rate for rate in rates),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One field of ``Costs``.

    ``over_folds`` joins the cells of one method into a typical one; ``over_members`` joins a cell and the
    members that it stands on, None where the cell's own value stays. ``of_every_member``: the joined value is
    unknown where one part does not know its own. ``paced``: a machine that takes twice as long for everything
    doubles it (or halves it, where it is a rate). ``heading`` names its column on a board, and ``wanted``
    says how soon the column gives way where there is no room: 0 never. ``compared``: a comparison of two
    runs shows it. ``tracked``: tools that follow a project over time are given it. ``meaning`` is what is
    measured, in the words of the reference page.
    """

    name: str
    unit: Unit
    meaning: str
    higher_is_better: bool = False
    over_folds: Join
    over_members: Join | None
    of_every_member: bool = False
    paced: bool
    heading: str = ""
    wanted: int = 0
    compared: bool = False
    tracked: bool = False

    @property
    def is_rate(self) -> bool:
        return self.unit == "documents a second"

    @property
    def is_size(self) -> bool:
        return self.unit == "bytes"

    @property
    def is_speed(self) -> bool:
        """Whether it says how fast something is, as a time or as a rate."""
        return self.unit in ("seconds", "documents a second")

    def show(self, value: float | None) -> str:
        """The value as people read it, with its unit where it has one; ``–`` for None."""
        return _SHOW[self.unit](value)


_seconds = partial(Cost, unit="seconds", over_folds="mean", over_members="sum", paced=True)
_rate = partial(
    Cost,
    unit="documents a second",
    higher_is_better=True,
    over_folds="mean of documents",
    over_members="one after another",
    of_every_member=True,
    paced=True,
    compared=True,
)
_size = partial(Cost, unit="bytes", over_folds="largest", over_members="largest", paced=False)

_tokens = partial(Cost, unit="tokens", over_folds="mean", over_members="sum", paced=False)
_requests = partial(Cost, unit="requests", over_folds="mean", over_members="sum", paced=False)

_COSTS = (
    # Imports are measured once a machine and kept: they do not follow its pace in a run.
    _seconds(
        name="import_s",
        meaning="importing its libraries in a fresh interpreter, measured once on a machine",
        heading="import",
        wanted=52,
        of_every_member=True,
        paced=False,
    ),
    _seconds(
        name="load_s",
        meaning="importing the method's file, `load`, and opening the preparations",
        heading="load",
        wanted=51,
    ),
    _seconds(name="warmup_s", meaning="one document, predicted once before the clock of `predict_s` starts"),
    _seconds(
        name="prepare_s",
        meaning="building its preparations, in full for each method that uses them",
        heading="prepare",
        wanted=50,
    ),
    _seconds(name="fit_s", meaning="`fit`", heading="fit", wanted=53, compared=True, tracked=True),
    _seconds(name="predict_s", meaning="sum over the chunks of `predict`", compared=True),
    _seconds(
        name="cpu_s", meaning="processor time of the same calls, all threads of the process", compared=True
    ),
    _seconds(
        name="tuning_s",
        meaning="trying all combinations where parameters were chosen, and their preparations once",
        heading="tuning",
        wanted=54,
    ),
    _seconds(name="wall_s", meaning="the cell's process from its start to its end", over_members=None),
    _rate(
        name="documents_per_s",
        meaning="test documents / (import_s + load_s + prepare_s + predict_s + what the first took longer)",
    ),
    _rate(
        name="documents_per_s_marginal",
        meaning="test documents / (their share of prepare_s + predict_s): what one more document costs",
        heading="docs/s",
        tracked=True,
    ),
    _size(
        name="peak_memory_bytes",
        meaning="library_memory_bytes + own_memory_bytes, or that of a preparation where that is more",
        heading="memory",
        compared=True,
        tracked=True,
    ),
    _size(
        name="own_memory_bytes",
        meaning="peak growth of its process tree: USS of one process, sum of PSS of several",
        heading="own memory",
        wanted=55,
    ),
    _size(name="library_memory_bytes", meaning="footprint of its imports in a fresh interpreter"),
    _size(
        name="peak_vram_allocated_bytes", meaning="most GPU memory that torch had allocated", compared=True
    ),
    _size(name="peak_vram_process_bytes", meaning="most GPU memory that NVML saw in use by its processes"),
    Cost(
        name="gpu_utilisation",
        meaning="mean utilisation of the GPU while the cell ran, by NVML",
        unit="share",
        higher_is_better=True,
        over_folds="mean",
        over_members=None,
        paced=False,
    ),
    Cost(
        name="price_per_1000_documents",
        meaning="1,000 * what the tokens cost by the suite's price table / documents, in its currency",
        unit="money",
        over_folds="mean",
        over_members="sum",
        paced=False,
        heading="price/1,000",
        wanted=1,
        compared=True,
        tracked=True,
    ),
    _tokens(
        name="input_tokens",
        meaning="tokens that were sent to the API, by its own count",
        heading="input tokens",
        wanted=58,
    ),
    _tokens(
        name="cached_tokens",
        meaning="the part of them that the server had read before",
        heading="cached",
        wanted=60,
    ),
    _tokens(
        name="output_tokens",
        meaning="tokens that the API answered with, reasoning included",
        heading="output tokens",
        wanted=59,
    ),
    _requests(name="requests", meaning="requests to the API", heading="requests", wanted=61),
    _requests(name="retries", meaning="those of them that were tried again", heading="retries", wanted=62),
    # They follow the pace of another machine than this one.
    _seconds(
        name="latency_p50_s",
        meaning="median of the time from a request to its answer",
        heading="latency p50",
        wanted=56,
        paced=False,
    ),
    _seconds(
        name="latency_p95_s",
        meaning="95th percentile of the time from a request to its answer",
        heading="latency p95",
        wanted=57,
        paced=False,
    ),
)

COST_TABLE: Mapping[str, Cost] = MappingProxyType({cost.name: cost for cost in _COSTS})
"""By name, in the order of the fields of ``Costs``."""


def join_folds(costs: Sequence[Costs]) -> Costs:
    """The costs of several cells of one method as those of a typical one: means of seconds, shares and
    times per document, the largest of memory. Null where no cell has a value."""
    if len(costs) < 2:
        return costs[0] if costs else Costs()
    joined: dict[str, float | None] = {}
    for cost in COST_TABLE.values():
        known = [value for value in _values(costs, cost) if value is not None]
        joined[cost.name] = _JOINS[cost.over_folds](known) if known else None
    return Costs.model_validate(joined)


def join_members(own: Costs, members: Sequence[Costs], learned: Sequence[Costs] = ()) -> Costs:
    """The costs of a cell that stands on others, as if its members ran one after another: seconds are
    summed, peaks are the highest one, and rates follow from the seconds a document. ``wall_s`` and
    ``gpu_utilisation`` stay the cell's own. What no part knows stays null, and so do a rate and an import
    that one part does not know: every part has them.

    ``learned`` are the costs of the same members on the validation part. Their preparations, loading,
    training and predicting are training of the cell (``fit_s``); their tokens and requests are summed, and
    peaks are the highest one."""
    parts = (own, *members)
    joined: dict[str, float | None] = {}
    for cost in COST_TABLE.values():
        if cost.over_members is None:
            continue
        of_all = (*parts, *learned) if cost.unit in _OF_LEARNED else parts
        known = [value for value in _values(of_all, cost) if value is not None]
        enough = len(known) == len(parts) if cost.of_every_member else bool(known)
        joined[cost.name] = _JOINS[cost.over_members](known) if enough else None
    if learned:
        joined["fit_s"] = (joined["fit_s"] or 0.0) + sum(map(_seconds_of_learned, learned))
    return own.model_copy(update=joined)


_OF_LEARNED: frozenset[Unit] = frozenset({"bytes", "tokens", "requests"})


def _seconds_of_learned(costs: Costs) -> float:
    parts = (costs.prepare_s, costs.load_s, costs.fit_s, costs.warmup_s, costs.predict_s)
    return sum(part or 0.0 for part in parts)


def _values(costs: Iterable[Costs], cost: Cost) -> list[float | None]:
    return [getattr(of_cell, cost.name) for of_cell in costs]
