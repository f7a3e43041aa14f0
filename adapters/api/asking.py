"""Asks a server about many prompts at a time: retries, a budget, and answers that are kept as they come."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from time import sleep
from typing import Any

from readbench.adapter import BenchError
from readbench_adapters.api.answers import Answer, Journal, request_key
from readbench_adapters.api.budget import Amount, Budget, BudgetReached
from readbench_adapters.api.identity import Served
from readbench_adapters.api.params import ApiParams
from readbench_adapters.api.server import Fault, Server

FIRST_WAIT_S = 0.5
"""Before the first retry, about; twice as long before each further one."""


class RequestFailed(BenchError):
    """A request that failed for good: its document has no answer."""


@dataclass
class Asker:
    """``served`` is who is asked; an answer of a model with another name is kept under that name and is none
    of this one. ``failed``: requests that failed for good, and how: they are not sent again."""

    params: ApiParams
    server: Server
    served: Served
    journal: Journal
    budget: Budget
    requests: int = 0
    retries: int = 0
    kept: int = 0
    """Answers that were there from before."""
    reached: str = ""
    """Which limit of the budget is reached; empty where none is."""
    failed: dict[str, str] = field(default_factory=dict)
    used: dict[str, Answer] = field(default_factory=dict)
    """The answers that were asked for or found, by request."""
    logprobs: bool = False
    """Whether log-probabilities are asked for: not once the server has refused them."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answers(self, contents: Iterable[str], limit: int) -> list[Answer | RequestFailed | None]:
        """What each prompt is answered, in at most ``limit`` tokens; None where the budget was reached
        before. Equal prompts are asked once. Raises BenchError where the server refuses every request, and
        OSError where answers cannot be kept."""
        contents = list(contents)
        unique = list(dict.fromkeys(contents))
        # What was paid for before counts before anything new is asked.
        found: dict[str, Answer | RequestFailed | None] = {}
        found |= {content: known for content in unique if (known := self._known(content, limit)) is not None}
        unknown = [content for content in unique if content not in found]
        with ThreadPoolExecutor(self.params.concurrency) as pool:
            answers = pool.map(lambda content: self._answer(content, limit), unknown)
            found |= dict(zip(unknown, answers, strict=True))
        return [found[content] for content in contents]

    def _known(self, content: str, limit: int) -> Answer | RequestFailed | None:
        """What is known of a prompt without asking."""
        key, _ = self._request(content, limit)
        if key in self.failed:
            return RequestFailed(self.failed[key])
        return self._found(key)

    def _found(self, key: str) -> Answer | None:
        known = self.journal.known.get(key)
        if known is not None:
            self._use(key, known)
        return known

    def _answer(self, content: str, limit: int) -> Answer | RequestFailed | None:
        if (known := self._known(content, limit)) is not None:
            return known
        key, body = self._request(content, limit)
        try:
            return self._ask(content, limit, key, body)
        except BudgetReached as why:
            self.reached = str(why)
            return None
        except Fault as fault:
            with self._lock:
                self.failed[key] = str(fault)
            return RequestFailed(str(fault))

    def _request(self, content: str, limit: int) -> tuple[str, dict[str, Any]]:
        body = self.params.request(content, limit, logprobs=self.logprobs)
        return request_key(self.params.base_url, body, self.served.text), body

    def _use(self, key: str, answer: Answer) -> None:
        """Counts an answer once."""
        with self._lock:
            new = key not in self.used
            self.used[key] = answer
            if new and key in self.journal.before:
                self.kept += 1
        if new and key in self.journal.before:
            self.budget.add(self.budget.of(answer, Amount()))

    def _ask(self, content: str, limit: int, key: str, body: Mapping[str, Any]) -> Answer:
        """Asks until there is an answer. Raises Fault where there will be none, BudgetReached where no
        request may be sent."""
        most = self.budget.most(content, limit)
        sent = 0
        while True:
            try:
                with self.budget.request(most) as answers:
                    self._count(retry=sent > 0)
                    sent += 1
                    answer = replace(self.server.ask(body), requests=sent)
                    answers.append(answer)
                break
            except Fault as fault:
                if fault.status == 400 and self.logprobs and "logprob" in str(fault).lower():
                    self.logprobs = False
                    key, body = self._request(content, limit)
                    if (known := self._found(key)) is not None:
                        return known
                    continue
                wait = self._wait(fault, sent)
                if wait is None:
                    raise
                sleep(wait)
        return self._kept(key, body, answer)

    def _kept(self, key: str, body: Mapping[str, Any], answer: Answer) -> Answer:
        if not self.served.is_of(answer):
            key = request_key(self.params.base_url, body, Served(answer.model, answer.fingerprint).text)
            self.journal.keep(key, answer)
            self._use(key, answer)
            raise Fault(f"{answer.model!r} answered in place of {self.served.model!r}", again=False)
        self.journal.keep(key, answer)
        self._use(key, answer)
        return answer

    def _count(self, *, retry: bool) -> None:
        with self._lock:
            self.requests += 1
            self.retries += retry

    def _wait(self, fault: Fault, sent: int) -> float | None:
        """Seconds before a request is sent again; None where it is not. The server's own wish comes first."""
        if not fault.again or sent > self.params.retries:
            return None
        if fault.wait_s is not None:
            return fault.wait_s if fault.wait_s <= self.params.longest_wait else None
        most = min(self.params.longest_wait, FIRST_WAIT_S * 2.0 ** (sent - 1))
        # Apart from each other, so that many requests do not come back at once.
        return most * random.uniform(0.5, 1.0)
