"""The language models that have a row of their own."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from readbench_adapters.llm.base import Llm
from readbench_adapters.llm.params import LlmParams


class ChatGlm2(Llm):
    """``llm`` with ChatGLM2-6B as its model."""

    name: ClassVar[str] = "chatglm2-6b"
    summary: ClassVar[str] = "ChatGLM2-6B, from its checkpoint as downloaded; LoRA rank 8 by default"
    requires: ClassVar[tuple[str, ...]] = (*Llm.requires, "sentencepiece")

    class Params(LlmParams):
        model: str = Field("chatglm2-6b", description="a folder as downloaded; otherwise the local cache")


class ChatGlm(Llm):
    """``llm`` with ChatGLM-6B, the first generation, as its model."""

    name: ClassVar[str] = "chatglm-6b"
    summary: ClassVar[str] = "ChatGLM-6B, the first generation, from its checkpoint as downloaded"
    requires: ClassVar[tuple[str, ...]] = (*Llm.requires, "sentencepiece")

    class Params(LlmParams):
        model: str = Field("chatglm-6b", description="a folder as downloaded; otherwise the local cache")
