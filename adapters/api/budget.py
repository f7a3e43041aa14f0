"""A budget of tokens and money that requests at the same time cannot pass by more than one of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from readbench.adapter import Price
from readbench_adapters.api.answers import Answer

TEMPLATE_TOKENS = 512
"""What a chat format may add to a prompt, at most."""


class BudgetReached(Exception):
    """No further request may be sent; the text says which limit is reached."""


@dataclass(frozen=True)
class Amount:
    """Tokens of input and output together, and money."""

    tokens: float = 0.0
    cost: float = 0.0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.tokens + other.tokens, self.cost + other.cost)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.tokens - other.tokens, self.cost - other.cost)


@dataclass
class Budget:
    """``max_tokens`` and ``max_cost`` are None where there is no limit. A request begins only while what is
    spent and what those under way can take at most stay below the limits: whatever they take, the limits are
    passed by one request at most. Near a limit requests are thus sent one after another."""

    max_tokens: int | None = None
    max_cost: float | None = None
    price: Price | None = None
    spent: Amount = Amount()
    _reserved: Amount = Amount()
    _under_way: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def of(self, answer: Answer, most: Amount) -> Amount:
        """What an answer took; ``most`` where the server did not count."""
        if answer.input_tokens is None or answer.output_tokens is None:
            return most
        return self.amount(answer.input_tokens, answer.output_tokens, answer.cached_tokens or 0)

    def amount(self, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> Amount:
        price = self.price
        cost = 0.0 if price is None else price.of(input_tokens, cached_tokens, output_tokens)
        return Amount(input_tokens + output_tokens, cost)

    def most(self, content: str, limit: int) -> Amount:
        """What a request can take: no token is shorter than a byte."""
        return self.amount(len(content.encode("utf-8", "replace")) + TEMPLATE_TOKENS, limit)

    def add(self, amount: Amount) -> None:
        """What was spent before, in another process."""
        with self._changed:
            self.spent += amount

    @contextmanager
    def request(self, most: Amount) -> Iterator[list[Answer]]:
        """Around one request; the list takes its answer. Waits while those under way may use up the rest.
        Raises BudgetReached."""
        with self._changed:
            while self._under_way and self._reached(self.spent + self._reserved):
                self._changed.wait()
            if why := self._reached(self.spent):
                raise BudgetReached(why)
            self._reserved += most
            self._under_way += 1
        answers: list[Answer] = []
        try:
            yield answers
        finally:
            with self._changed:
                self._reserved -= most
                self._under_way -= 1
                for answer in answers:
                    self.spent += self.of(answer, most)
                self._changed.notify_all()

    def _reached(self, amount: Amount) -> str:
        if self.max_tokens is not None and amount.tokens >= self.max_tokens:
            return f"max_tokens={self.max_tokens} is reached"
        if self.max_cost is not None and amount.cost >= self.max_cost:
            return f"max_cost={self.max_cost:g} is reached"
        return ""
