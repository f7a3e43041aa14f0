"""One request to a server, by the official client: an answer, or a fault that says whether to ask again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from time import perf_counter
from typing import Any

from readbench.adapter import MissingDependency
from readbench_adapters.api.answers import Answer
from readbench_adapters.api.params import ApiParams

AGAIN = frozenset({408, 409, 425, 429})
"""Statuses after which the same request may succeed, beside those of 500 and more."""
OF_THE_CELL = frozenset({401, 402, 403, 404})
"""Statuses that every other request would meet, too: a wrong key, no money, no such model."""
HIDDEN = "[key]"
QUOTED = 300
"""Characters of what a server said that are told."""


class Fault(Exception):
    """A request without an answer. ``again``: the same request may succeed. ``wait_s``: what the server
    asked to wait before, None where it did not say. ``status``: that of HTTP, 0 where there was none."""

    def __init__(self, what: str, *, again: bool, wait_s: float | None = None, status: int = 0) -> None:
        super().__init__(what)
        self.again, self.wait_s, self.status = again, wait_s, status


class ServerRefuses(MissingDependency):
    """The server refuses every request of this kind: the cell ends, and runs again with the next run."""


@dataclass(frozen=True)
class Server:
    """The server of a method. What it says is told without the key, should that stand in it."""

    params: ApiParams

    @property
    def key(self) -> str:
        """Empty where none is sent."""
        variable = self.params.key_variable
        return os.environ.get(variable, "").strip() if variable else ""

    @cached_property
    def _client(self) -> Any:
        import openai

        # Retries are counted and paid for by the budget: not by the client. It asks for a key, always.
        return openai.OpenAI(
            api_key=self.key or "none",
            base_url=self.params.base_url,
            timeout=self.params.timeout,
            max_retries=0,
        )

    def ask(self, body: Mapping[str, Any]) -> Answer:
        """Sends one request. Raises Fault without an answer, ServerRefuses where no other one would get
        one."""
        import openai

        began = perf_counter()
        try:
            found = self._client.chat.completions.create(**body)
            return self._answer(found, perf_counter() - began)
        except openai.APIStatusError as error:
            raise self._refused(error) from None
        except openai.APITimeoutError:
            raise Fault(f"no answer within {self.params.timeout:g} s", again=True) from None
        except openai.APIConnectionError as error:
            raise Fault(self.hide(f"the connection failed: {error.__cause__ or error}"), again=True) from None
        except (openai.OpenAIError, ValueError, TypeError, AttributeError, IndexError) as error:
            # Not JSON, or JSON of something else: what the server sent is no answer.
            what = f"what came is no answer ({type(error).__name__})"
            raise Fault(what, again=True) from None

    def hide(self, text: str) -> str:
        """A text without the key, in the length that is quoted."""
        shown = text.replace(self.key, HIDDEN) if self.key else text
        return shown[:QUOTED]

    def _answer(self, found: Any, seconds: float) -> Answer:
        choice = found.choices[0]
        usage = found.usage
        details = getattr(usage, "prompt_tokens_details", None)
        first = None
        if choice.logprobs is not None and choice.logprobs.content:
            tops = choice.logprobs.content[0].top_logprobs
            first = tuple((str(top.token), float(top.logprob)) for top in tops) or None
        content = choice.message.content
        if content is not None and not isinstance(content, str):
            raise ValueError("its content is no text")
        text = content or getattr(choice.message, "refusal", None) or ""
        return Answer(
            text=text.replace(self.key, HIDDEN) if self.key else text,
            whole=choice.finish_reason != "length",
            model=str(found.model or ""),
            fingerprint=str(found.system_fingerprint or ""),
            input_tokens=None if usage is None else int(usage.prompt_tokens),
            cached_tokens=None if usage is None else int(getattr(details, "cached_tokens", None) or 0),
            output_tokens=None if usage is None else int(usage.completion_tokens),
            seconds=seconds,
            first=first,
        )

    def _refused(self, error: Any) -> Exception:
        status = int(error.status_code)
        said = self.hide(f"the server answers {status}: {error.message}")
        if status in OF_THE_CELL or error.code == "insufficient_quota":
            todo = "check model, base_url, the key and the account"
            return ServerRefuses(said, where=self.params.base_url, todo=todo)
        again = status in AGAIN or status >= 500
        return Fault(said, again=again, wait_s=asked_to_wait(error.response.headers), status=status)


def asked_to_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds by ``Retry-After``, which is a number or a date; None where there is none that can be read.

    >>> asked_to_wait({"retry-after": "2.5"})
    2.5
    """
    text = headers.get("retry-after", "")
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
