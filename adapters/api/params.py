"""The parameters of a model behind an API."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from readbench.adapter import Params as Base

OPENAI = "https://api.openai.com/v1"


class ApiParams(Base):
    """The key is no parameter: it stands in an environment variable, whose name may be given."""

    model: str = Field("", description="the server's name of the model")
    base_url: str = Field(OPENAI, description="the server, with its version: http://localhost:8000/v1")
    key_from: str = Field(
        "", description="the environment variable that holds the key; OPENAI_API_KEY for OpenAI, else none"
    )
    shots: int = Field(0, ge=0, description="solved examples in the prompt, from the training part")
    prompt: str = Field(
        "", description="with fields such as {title}; the suite's, or a plain one, where empty"
    )
    max_characters: int = Field(
        60_000, ge=200, description="of a prompt; longer papers are cut in the abstract"
    )
    max_new_tokens: int | None = Field(
        None,
        ge=1,
        description="of an answer: 8 beside the longest label's characters, 96 of keyphrases, 200 of facts "
        "where none is given",
    )
    limit_as: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens", description="what a request calls max_new_tokens; newer models want the second"
    )
    temperature: float | None = Field(0.0, ge=0, le=2, description="none: a request does not name it")
    labels_by: Literal["auto", "logprobs", "parsing"] = Field(
        "auto", description="classification; auto: logprobs where the server gives them, else parsing"
    )
    identity: Literal["fingerprint", "name"] = Field(
        "fingerprint",
        description="what makes it another cell: the server's fingerprint too, or its name alone",
    )
    concurrency: int = Field(8, ge=1, le=64, description="requests at a time")
    timeout: float = Field(60.0, gt=0, description="seconds of a request")
    retries: int = Field(5, ge=0, description="of a request that may succeed later")
    longest_wait: float = Field(
        300.0, gt=0, description="seconds before a retry at most; a server that asks for more has failed"
    )
    max_tokens: int | None = Field(None, ge=1, description="budget of a cell: input and output tokens")
    max_cost: float | None = Field(None, gt=0, description="budget of a cell, by the suite's [prices]")

    @field_validator("base_url")
    @classmethod
    def _plain_url(cls, value: str) -> str:
        """Raises ValueError for what is no address of a server, and where a secret may stand in it: the
        parameter is in every record."""
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("it must begin with http:// or https:// and name a server")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError(
                "it holds more than an address: give a key by an environment variable (key_from)"
            )
        return value.rstrip("/")

    @field_validator("key_from")
    @classmethod
    def _a_name(cls, value: str) -> str:
        if value and not value.replace("_", "").isalnum():
            raise ValueError("it is the name of an environment variable, never the key itself")
        return value

    @property
    def key_variable(self) -> str:
        """The environment variable that holds the key; empty where none is sent. OpenAI's key goes to no
        other server by itself."""
        return self.key_from or ("OPENAI_API_KEY" if self.base_url == OPENAI else "")

    def request(self, content: str, limit: int, *, logprobs: bool) -> dict[str, Any]:
        """What is asked, as the API has it. ``limit``: tokens of the answer."""
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": content}],
            self.limit_as: limit,
        }
        if self.temperature is not None:
            body["temperature"] = self.temperature
        if logprobs:
            body |= {"logprobs": True, "top_logprobs": 20}
        return body
