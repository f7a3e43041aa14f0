"""The task spec: what a method is asked and which fields of a document it may see."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from readbench.types import Document, Task

SENTENCE_ENDS = ".!?:;。！？：；"


class TaskSpec(BaseModel):
    """What is asked of every method of a suite. It travels into records and saved models."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Task
    fields: tuple[str, ...] = Field(
        ("title", "abstract"), min_length=1, description="fields that make up the text, in this order"
    )
    language: str = Field("en", description="ISO 639-1 code of the texts' language")
    labels: tuple[str, ...] = Field((), description="classification: the closed set of labels")
    positive: str | None = Field(None, description="binary classification: the positive class")

    def project(self, document: Document) -> Document:
        """The document with the fields of this spec alone; absent fields are left out."""
        fields = {name: document.fields[name] for name in self.fields if document.fields.get(name)}
        return Document(document.id, fields, document.language, document.annotation)

    def text(self, document: Document) -> str:
        """The fields as one text. A field that does not end a sentence gets a full stop, so that no
        phrase and no sentence runs from the title into the abstract."""
        parts = [document.fields[name].strip() for name in self.fields if document.fields.get(name)]
        return join_fields([part for part in parts if part])


def join_fields(parts: Sequence[str]) -> str:
    """Joins the fields of a text; the last one is left as it is.

    >>> join_fields(["A title", "An abstract"])
    'A title. An abstract'
    """
    closed = [part if part[-1] in SENTENCE_ENDS else f"{part}." for part in parts[:-1]]
    return " ".join([*closed, *parts[-1:]])
