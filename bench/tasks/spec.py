"""The task spec: what a method is asked and which fields of a document it may see."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from readbench.core.types import Document, Task

TEXT_FIELDS = ("title", "abstract", "text")
"""What corpora annotate."""


class TaskSpec(BaseModel):
    """What is asked of every method of a suite. It travels into records and saved models."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Task
    fields: tuple[str, ...] = Field(
        ("title", "abstract"), min_length=1, description="fields that make up the text, in this order"
    )
    language: str = Field("en", description="ISO 639-1 code of the texts' language")
    labels: tuple[str, ...] = Field((), description="classification, extraction: the closed set of labels")
    positive: str | None = Field(None, description="binary classification: the positive class")
    prompt: str = Field("", description="what a language model is asked, with named fields; its own if empty")

    def project(self, document: Document) -> Document:
        """The document with the fields of this spec alone; absent fields are left out. An annotation
        covers the whole text of its document, so it goes where part of that text is left out. A document that
        has these fields alone is returned as it is."""
        fields = {name: document.fields[name] for name in self.fields if document.fields.get(name)}
        if [*fields.items()] == [*document.fields.items()]:
            return document
        whole = all(name in fields for name in TEXT_FIELDS if document.fields.get(name))
        return Document(document.id, fields, document.language, document.annotation if whole else None)

    def text(self, document: Document) -> str:
        """The fields as one text, with a full stop between them: no phrase and no sentence runs from the
        title into the abstract."""
        parts = [document.fields[name].strip() for name in self.fields if document.fields.get(name)]
        return join_fields([part for part in parts if part])


def join_fields(parts: Sequence[str]) -> str:
    """Joins the fields of a text, as published keyphrase tables do: a full stop and a blank, also after
    a title that ends in a question mark (another rule for those moves YAKE on Inspec by 0.04 points).

    >>> join_fields(["A title", "An abstract"])
    'A title. An abstract'
    """
    return ". ".join(parts)
