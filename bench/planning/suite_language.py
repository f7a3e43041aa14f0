"""In which language a suite reads its documents, and how many documents name another one.

A suite reads all documents of a task in one language: that of the task, else that of ``[dataset]``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from readbench.core.errors import BenchError
from readbench.core.types import Dataset, OtherLanguage
from readbench.planning.suite import Suite
from readbench.text.languages import language_code

LISTED = 3
"""Other languages that are named."""


def unnamed_language(suite: Suite) -> str | None:
    """The language of documents that name none: what ``[dataset]`` says, else what the tasks agree on; None
    where the suite says nothing, and the reader looks."""
    if "language" in suite.dataset.model_fields_set:
        return suite.dataset.language
    said = {section.language for section in suite.tasks.values()}
    return said.pop() if len(said) == 1 else None


def own_language(dataset: Dataset) -> str:
    """The language that most documents are in; of equally frequent ones the first in the file."""
    return Counter(document.language for document in dataset.documents).most_common(1)[0][0]


def count_other_languages(suite: Suite, dataset: Dataset) -> Dataset:
    """The dataset with a count of the documents that name another language than the suite reads. They are
    kept: the language codes of catalogues are often wrong.

    Raises BenchError where every document names another language: then the suite is wrong.
    """
    found = []
    for read in sorted({suite.spec(task).language for task in suite.tasks}):
        code = language_code(read)
        others = Counter(d.language for d in dataset.documents if language_code(d.language) != code)
        number = others.total()
        if number == len(dataset.documents) and number:
            said = others.most_common(1)[0][0]
            raise BenchError(
                f"no document says it is in {read!r}, which the suite reads; most say {said!r}",
                where=f"dataset {dataset.name}",
                todo=f'set language = "{said}" in the [dataset] or the [tasks.NAME] of the suite, or give '
                f"--language {language_code(said)}",
            )
        if number:
            found.append(OtherLanguage(read, number, dict(others.most_common(LISTED))))
    return replace(dataset, other_languages=tuple(found))
