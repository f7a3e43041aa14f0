"""What a user may say about how a dataset is read: column names, encoding, other gold, limits."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from readbench.core.errors import BenchError

Role = Literal["id", "title", "abstract", "authors", "keyphrases", "label", "language"]
"""What a column can be to a dataset; any other column is a field under its own name."""

ColumnName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


def read_options(given: Mapping[str, Any]) -> ReadOptions:
    """Options from values of a suite or a command line, as if they had been written down.

    Raises BenchError for an encoding that is none and other values that fit no option.
    """
    try:
        return ReadOptions.model_validate(given)
    except ValidationError as error:
        problem = error.errors()[0]
        name = ".".join(str(part) for part in problem["loc"]).replace(
            "keyphrase_separator", "keyword-separator"
        )
        raise BenchError(f"--{name}: {problem['msg'].removeprefix('Value error, ')}") from None


class ReadOptions(BaseModel):
    """The reading part of a suite's [dataset]; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: Mapping[Role, ColumnName] = Field(
        default_factory=dict, description="column name by role, where the usual names do not fit"
    )
    language: str = Field("en", min_length=1, description="language of documents that name none, ISO 639-1")
    encoding: str = Field("utf-8", description="text encoding of the files; a UTF-8 byte order mark is fine")
    labels: Path | None = Field(
        None, description="CSV of id and label, joined by id; replaces a label column"
    )
    annotation: Literal["none", "corenlp"] = Field(
        "none", description="tokens, lemmas and tags of the corpus itself, from its corenlp_PART.jsonl"
    )
    gold_file: Path | None = Field(
        None,
        description="JSON of {id: [[phrase], ...]}, beside the data: the gold of the documents that it names",
    )
    max_characters: int = Field(
        1_000_000, gt=0, description="documents whose fields together are longer are skipped and counted"
    )
    keyphrase_separator: str | None = Field(
        None,
        min_length=1,
        description="what separates phrases within one cell; without it the whole column is looked at",
    )

    @field_validator("keyphrase_separator")
    @classmethod
    def _escapes(cls, separator: str | None) -> str | None:
        """A tab and a line end as a command line can spell them."""
        return {"\\t": "\t", "tab": "\t", "\\n": "\n", "newline": "\n"}.get(separator or "", separator)

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str) -> str:
        try:
            io.TextIOWrapper(io.BytesIO(), encoding=name)  # refuses codecs of no text too, such as hex
        except (LookupError, ValueError) as error:
            raise ValueError(f"{name!r} is no text encoding that Python knows") from error
        return name

    @field_validator("columns")
    @classmethod
    def _one_role_a_column(cls, columns: Mapping[Role, str]) -> Mapping[Role, str]:
        # A column in two roles could be gold and text at once, and every method would score perfectly.
        roles: dict[str, Role] = {}
        for role, name in columns.items():
            other = roles.setdefault(name.lower(), role)
            if other != role:
                raise ValueError(f"column {name!r} is given to both {other} and {role}")
        return columns
