"""What a method used of a model behind an API, and what that costs by a price table."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

MILLION = 1_000_000


class Price(BaseModel):
    """What a model costs, in ``currency`` per million tokens. ``cached``: of input tokens that the server had
    read before; as ``input`` where none is given. Reasoning counts as output."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0, allow_inf_nan=False, description="a million input tokens")
    cached: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="a million that the server had read before"
    )
    output: float = Field(ge=0, allow_inf_nan=False, description="a million output tokens")
    currency: str = Field("USD", min_length=1, max_length=10, description="of these prices")

    def of(self, input_tokens: float, cached_tokens: float, output_tokens: float) -> float:
        """In ``currency``; ``cached_tokens`` are a part of ``input_tokens``.

        >>> Price(input=2.0, cached=1.0, output=8.0).of(1_000_000, 500_000, 1_000_000)
        9.5
        """
        cached = self.input if self.cached is None else self.cached
        fresh = max(0.0, input_tokens - cached_tokens)
        return (fresh * self.input + cached_tokens * cached + output_tokens * self.output) / MILLION


class Usage(BaseModel):
    """What answers about ``documents`` documents took. ``model`` is the name that a price table has for it.
    Tokens are None where the server did not count them in every answer; ``cached_tokens`` are those of
    ``input_tokens`` that it had read before. ``requests``: everything that was sent, ``retries`` among them;
    ``kept``: answers that an earlier process had asked for and paid, whose figures are in the others.
    ``latencies_s``: seconds from the request to the whole answer, one for each answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    documents: int = Field(0, ge=0)
    input_tokens: int | None = Field(0, ge=0)
    cached_tokens: int | None = Field(0, ge=0)
    output_tokens: int | None = Field(0, ge=0)
    requests: int = Field(0, ge=0)
    retries: int = Field(0, ge=0)
    kept: int = Field(0, ge=0)
    latencies_s: tuple[float, ...] = ()

    def latency_s(self, share: float) -> float | None:
        """The latency that this share of the answers did not exceed (the nearest rank); None without answers.

        >>> Usage(model="m", latencies_s=(1.0, 3.0, 2.0)).latency_s(0.5)
        2.0
        """
        if not self.latencies_s:
            return None
        rank = -(-len(self.latencies_s) * round(100 * share) // 100)
        return sorted(self.latencies_s)[max(0, rank - 1)]
