"""Every parameter of a method of pke reaches pke, under the name that it has there."""

from __future__ import annotations

from typing import Any

import pytest

from readbench.adapter import Context
from readbench.core.types import Document
from readbench.methods.registry import Registry
from readbench.tasks.spec import TaskSpec

pytest.importorskip("pke", reason="needs the extra keyphrases")

from readbench_adapters.pke import extractors
from readbench_adapters.words.languages import language_of

METHODS = (
    *("firstphrases", "tfidf", "kpminer", "yake", "textrank", "singlerank", "topicrank", "topicalpagerank"),
    *("positionrank", "multipartiterank"),
)
OTHER: dict[str, Any] = {
    "n_best": 7,
    "redundancy_removal": True,
    "stemming": True,
    "n": 2,
    "pos": ("VERB",),
    "window": 6,
    "normalized": True,
    "top_percent": 0.5,
    "threshold": 0.6,
    "method": "single",
    "heuristic": "frequent",
    "alpha": 1.7,
    "grammar": "NP: {<NOUN>}",
    "maximum_word_number": 2,
    "lasf": 2,
    "cutoff": 99,
    "sigma": 2.5,
    "use_stems": True,
}
"""Values that are no method's defaults."""
READ_EARLIER = {
    "normalization",
    "candidates",
    "stoplist",
    "df",
    "df_n",
    "df_stoplist",
    "lda",
    "implementation",
}
"""By a preparation, or before there is an object of pke."""


class Recorder:
    """An extractor that only listens: which value each of its methods was given under which name."""

    def __init__(self) -> None:
        self.heard: dict[str, list[Any]] = {}

    def _hear(self, *_: Any, **given: Any) -> None:
        for name, value in given.items():
            self.heard.setdefault(name, []).append(value)

    candidate_selection = candidate_weighting = _hear

    def get_n_best(self, **given: Any) -> list[tuple[str, float]]:
        self._hear(**{"n_best" if name == "n" else name: value for name, value in given.items()})
        return []


@pytest.mark.parametrize("name", METHODS)
def test_every_parameter_reaches_pke(name: str) -> None:
    cls = Registry()[f"pke.{name}"]
    fields = set(cls.Params.model_fields)
    # A new parameter needs a value above.
    assert fields - READ_EARLIER <= set(OTHER)
    given = {field: OTHER[field] for field in fields - READ_EARLIER}
    # The extractor's own name for the redundancy of YAKE's phrases is True by default.
    if name == "yake":
        given["redundancy_removal"] = False
    assert all(cls.Params.model_fields[field].default != value for field, value in given.items())
    adapter: Any = cls(
        cls.Params(**given), Context(task=TaskSpec(task="keyphrases"), preparations={"df": {}})
    )
    adapter.language, adapter.reader, adapter.topics_of = language_of("en"), None, {"one": None}
    recorder = Recorder()
    adapter.select(recorder)
    adapter.weight(recorder, Document("one", {}))
    adapter.n_best(recorder)
    for field, value in given.items():
        heard = recorder.heard.get(field, [])
        assert heard, f"{field} never reaches pke"
        assert all(one == (set(value) if field == "pos" else value) for one in heard), field


@pytest.mark.parametrize("name", METHODS)
def test_its_class_is_that_of_pke(name: str) -> None:
    cls: Any = Registry()[f"pke.{name}"]
    extractor = getattr(extractors, cls.pke_class)
    assert any(base.__module__.startswith("pke.unsupervised") for base in extractor.__mro__)
    assert cls.pke_class.lower() == name
