"""How a run speaks to whoever started it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from readbench.engine.reporter import Reporter, Silent
from readbench.planning.plan import Plan
from readbench.results.store import Store


class Interface(Protocol):
    """How a run speaks to whoever started it."""

    def planned(self, plan: Plan, store: Store) -> None: ...
    def say(self, line: str) -> None: ...
    def reporter(self, jobs: int) -> AbstractContextManager[Reporter]: ...


class Quiet:
    def planned(self, plan: Plan, store: Store) -> None: ...
    def say(self, line: str) -> None: ...

    def reporter(self, jobs: int) -> AbstractContextManager[Reporter]:  # noqa: ARG002
        return nullcontext(Silent())
