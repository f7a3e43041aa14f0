"""What a server calls itself. Names of models move: another answer to this is another cell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from readbench.adapter import MissingDependency
from readbench_adapters.api.answers import Answer
from readbench_adapters.api.server import Fault, Server

PROBE = "1"
"""The shortest question. Its answer has one token, and the server's name beside it."""
TRIES = 3


@dataclass(frozen=True)
class Served:
    """``fingerprint`` is empty where the server gives none, or where it does not count."""

    model: str
    fingerprint: str = ""

    @property
    def text(self) -> str:
        """As a key has it."""
        return json.dumps([self.model, self.fingerprint])

    @classmethod
    def read(cls, text: str) -> Served:
        model, fingerprint = json.loads(text)
        return cls(model, fingerprint)

    def is_of(self, answer: Answer) -> bool:
        """Whether the model of this name gave an answer; fingerprints may change from answer to answer."""
        return self.model == answer.model


def who_answers(server: Server) -> Served:
    """Asks for one token. Raises MissingDependency where the server cannot be asked."""
    params = server.params
    body: Mapping[str, object] = {
        "model": params.model,
        "messages": [{"role": "user", "content": PROBE}],
        params.limit_as: 1,
    }
    for left in reversed(range(TRIES)):
        try:
            answer = server.ask(body)
        except Fault as fault:
            if left and fault.again:
                continue
            todo = "start the server, or check model and base_url"
            raise MissingDependency(str(fault), where=params.base_url, todo=todo) from None
        return Served(answer.model, answer.fingerprint if params.identity == "fingerprint" else "")
    raise AssertionError("the last try returns or raises")
