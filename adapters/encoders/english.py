"""Models that learned from English texts alone. Of another language they would make what looks like an answer
and is none, so they refuse it."""

from __future__ import annotations

from readbench.adapter import MissingDependency
from readbench.text.languages import language_code

ENGLISH = frozenset(
    (
        "all-MiniLM-L6-v2",
        "sentence-transformers/all-MiniLM-L6-v2",
        "bert-base-uncased",
        "google-bert/bert-base-uncased",
        "yanekyuk/bert-keyword-extractor",
    )
)
"""By the names under which they are asked for. A folder does not tell what its weights learned from."""


def refuse_other_languages(method: str, model: str, language: str) -> None:
    """Raises MissingDependency where ``model`` reads English and the texts are in another language."""
    if model in ENGLISH and language_code(language) != "en":
        raise MissingDependency(
            f"the model {model} reads English, the texts are {language!r}",
            todo=f"give {method}[model=...] of that language, a repository in the cache or a folder",
        )
