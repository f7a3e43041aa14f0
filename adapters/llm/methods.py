"""The language models by their names, and the method of a task that is answered in free text."""

from __future__ import annotations

from functools import cache
from typing import ClassVar, cast

from pydantic import Field

from readbench.core.types import Task
from readbench_adapters.llm.base import Llm
from readbench_adapters.llm.params import LlmParams


class ChatGlm2(Llm):
    """The same, with the model of the notes."""

    name: ClassVar[str] = "chatglm2-6b"
    summary: ClassVar[str] = "ChatGLM2-6B, from its checkpoint as downloaded; LoRA rank 8 by default"
    requires: ClassVar[tuple[str, ...]] = (*Llm.requires, "sentencepiece")

    class Params(LlmParams):
        model: str = Field("chatglm2-6b", description="a folder as downloaded; otherwise the local cache")


class ChatGlm(Llm):
    """The same, with the first generation."""

    name: ClassVar[str] = "chatglm-6b"
    summary: ClassVar[str] = "ChatGLM-6B, the first generation, from its checkpoint as downloaded"
    requires: ClassVar[tuple[str, ...]] = (*Llm.requires, "sentencepiece")

    class Params(LlmParams):
        model: str = Field("chatglm-6b", description="a folder as downloaded; otherwise the local cache")


@cache
def writing(method: type[Llm], task: Task) -> type[Llm]:
    """The same method, model and parameters, for a task that is answered in free text."""
    from readbench_adapters.llm.extraction import StatesFacts
    from readbench_adapters.llm.keyphrases import WritesPhrases

    base = {of.task: of for of in (StatesFacts, WritesPhrases)}[task]
    return cast("type[Llm]", type(method.__name__, (base, method), {"__module__": __name__}))
