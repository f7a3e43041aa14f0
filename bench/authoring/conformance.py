"""What every method must keep to: the tests behind `bench check`, which the built-in methods pass too."""

from __future__ import annotations

import inspect
import math
import random
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from readbench.adapter import Adapter, Context, Ensemble, LearnedEnsemble
from readbench.core.errors import BenchError
from readbench.core.types import (
    Dataset,
    Document,
    ExtractedFacts,
    Part,
    PredictedLabel,
    Prediction,
    RankedPhrases,
    Task,
)
from readbench.datasets import open_dataset
from readbench.engine.joined import Joined
from readbench.engine.prediction import checked
from readbench.engine.reporter import Silent
from readbench.engine.runner import Runner
from readbench.engine.workbench import Build, Workbench
from readbench.methods.registry import Method, Registry
from readbench.planning.ensembles import members_of, with_members
from readbench.planning.labels import stated_labels, with_labels
from readbench.planning.plan import Options
from readbench.planning.planner import make_plan
from readbench.planning.suite import Suite
from readbench.results.store import Store
from readbench.tasks import get_task
from readbench.tasks.spec import TaskSpec

TRAIN, VALIDATION, TEST = 16, 4, 10
SEED = 7
HUGE_WORDS = 3_000
TOLERANCE = 1e-4
"""Scores may move by this much with their batch neighbours: half a digit of single precision arithmetic."""

FOREIGN = {
    "chinese": (
        "基于深度学习的医学影像分割",
        "本文提出一种用于肺部影像的分割方法，并在三个数据集上进行了评估。",
    ),
    "german": (
        "Über die Größe städtischer Bäume",
        "Gemessen wurden Höhe und Kronenfläche von 412 Bäumen. Straßen zählten mit.",
    ),
    "marks": ("∑ λ→∞ 🙂 (!)", "a\u00a0b\u200bc — “d” …\t\n\r  <b>e</b> \\ %s {} \u202e"),
}


@dataclass(frozen=True)
class Result:
    """One conformance test; ``why`` says what was seen where it did not pass."""

    name: str
    passed: bool
    why: str = ""


def check_method(
    spec: str,
    include_paths: Sequence[Path] = (),
    only: str | None = None,
    *,
    sources: bool = True,
    begin: Callable[[str], None] = lambda test: None,  # noqa: ARG005
) -> Iterator[Result]:
    """Runs the tests one after another, in this process, on each task of the method or on ``only`` one.
    ``sources``: the last one too, which runs a cell to see whether its key covers what its process loads.
    ``begin`` is told each test before it runs.

    Raises BenchError for an unknown method, wrong parameters, a task that the method does not do, or a
    dependency that is not here.
    """
    registry = Registry(include_paths)
    method = registry.method(spec)
    tasks = sorted(method.adapter.tasks)
    if only is not None and only not in tasks:
        raise BenchError(f"{method.adapter.name} does {', '.join(tasks)}, not {only}")
    for task in tasks:
        if only not in (None, task):
            continue
        with tempfile.TemporaryDirectory(prefix="bench-check-") as folder:
            checker = _Checker(method, task, Path(folder), registry)
            for name, test in checker.tests(sources=sources):
                begin(name)
                why = checker.said(test)
                yield Result(name, not why, why)


class _NotTried(Exception):
    """A test compares with predictions that there are not."""


_HINTS = {
    "_nothing": "; begin predict with: if not documents: return []",
    "_saved": "; write in save() what fit() learned, and read it in restore()",
}
"""What mends a method that raises in a test."""


class _Checker:
    """A method on one task, with documents to try it on."""

    def __init__(self, method: Method, task: Task, folder: Path, registry: Registry) -> None:
        self.method, self.task, self.folder, self.registry = method, task, folder, registry
        corpus = open_dataset("facts-demo" if task == "extraction" else "papers-demo")
        self.spec = TaskSpec(task=task)
        if task == "classification":
            self.spec = with_labels(self.spec, corpus)
        elif task == "extraction":
            self.spec = TaskSpec(task=task, fields=("instruction", "input"), labels=stated_labels(corpus))
        ids = [document.id for document in corpus.documents]
        self.corpus = corpus
        self.train = corpus.only(ids[:TRAIN])
        self.validation = corpus.only(ids[TRAIN : TRAIN + VALIDATION])
        test = corpus.only(ids[TRAIN + VALIDATION : TRAIN + VALIDATION + TEST]).documents
        self.documents = tuple(self.spec.project(document) for document in test)
        self.odd = (*_odd_documents(corpus.documents, self.spec.fields), self.documents[0])
        self.expected: Mapping[str, Prediction] | None = None
        self._on = ""
        self._made = 0
        self._built: dict[Build, Path] = {}
        for one in with_members([method], task, registry):
            one.create(Context(task=self.spec)).missing()

    def tests(self, *, sources: bool) -> list[tuple[str, Callable[[], str]]]:
        """Each with its name, in the order in which they build on one another."""
        tests: list[tuple[str, Callable[[], str]]] = [
            ("one well-formed prediction a document, in order", self._order),
            ("empty, huge and non-English texts", self._odd),
            ("the same seed gives the same predictions", self._deterministic),
            ("the order of the documents changes nothing", self._any_order),
            ("the chunking changes nothing", self._any_chunking),
            ("the neighbours change nothing", self._any_neighbours),
            ("no documents give no predictions", self._nothing),
            ("saved and restored it predicts the same", self._saved),
            ("its key covers every source that its process runs", self._covered),
        ]
        return [(f"{self.task}: {name}", test) for name, test in (tests if sources else tests[:-1])]

    def said(self, test: Callable[[], str]) -> str:
        """What is wrong by a test, or nothing. Whatever a method raises is what the reader wants to see, and
        where."""
        self._on = ""
        try:
            return test()
        except _NotTried:
            return "it was not tried: it needs the predictions of the first test"
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            return f"{what}{self._on}{self._place(error)}{_HINTS.get(test.__name__, '')}"

    def _place(self, error: Exception) -> str:
        """The line that an error comes from: the last one in the method's own file, else the last of all."""
        file = inspect.getsourcefile(self.method.adapter)
        frames = traceback.extract_tb(error.__traceback__)
        of_method = [frame for frame in frames if frame.filename == file] or frames[-1:]
        return "".join(f" ({Path(f.filename).name}, line {f.lineno}, in {f.name})" for f in of_method[-1:])

    # -- the tests: each answers with what is wrong, or nothing -------------------------------------

    def _order(self) -> str:
        expected = self._predict(self._fitted(self.documents), self.documents)
        self.expected = expected
        if all(_is_empty(prediction) for prediction in expected.values()):
            return "it predicts nothing for any of the papers"
        return ""

    def _odd(self) -> str:
        predictions = self._predict(self._fitted(self.odd), self.odd)
        return "" if len(predictions) == len(self.odd) else "a document is missing"

    def _deterministic(self) -> str:
        # Preparations of documents are made anew: they, too, must come out the same.
        self._built = {build: place for build, place in self._built.items() if not build.documents}
        return self._differs(self._predict(self._fitted(self.documents), self.documents), exact=True)

    def _any_order(self) -> str:
        shuffled = list(self.documents)
        random.Random(1).shuffle(shuffled)
        return self._differs(self._predict(self._fitted(self.documents), shuffled))

    def _any_chunking(self) -> str:
        adapter = self._fitted(self.documents)
        one_by_one: dict[str, Prediction] = {}
        for document in self.documents:
            one_by_one |= self._predict(adapter, [document])
        return self._differs(one_by_one)

    def _any_neighbours(self) -> str:
        """The preparations, too, are made anew without the neighbours."""
        few = self.documents[::3]
        return self._differs(self._predict(self._fitted(few), few))

    def _nothing(self) -> str:
        found = self._fitted(self.documents).predict([])
        hint = _HINTS["_nothing"]
        return "" if len(found) == 0 else f"predict([]) returned {len(found)} predictions{hint}"

    def _saved(self) -> str:
        folder = self.folder / "saved"
        folder.mkdir()
        self._fitted(self.documents).save(folder)
        restored = self._loaded(self.documents)
        restored.restore(folder)
        return self._differs(self._predict(restored, self.documents))

    def _covered(self) -> str:
        """Runs the method as a cell, in a process of its own, and asks which files that one had loaded."""
        corpus = self.corpus.only([*(d.id for d in (*self.train.documents, *self.validation.documents))])
        parts: dict[str, Part] = {document.id: "train" for document in self.train.documents}
        if issubclass(self.method.adapter, LearnedEnsemble):
            parts |= {document.id: "validation" for document in self.train.documents[-VALIDATION:]}
        parts |= {document.id: "test" for document in self.validation.documents}
        suite = Suite.model_validate(
            {
                "name": "check",
                "tasks": {self.task: {"methods": [self.method.spec], "fields": list(self.spec.fields)}},
                "split": {"kind": "given"},
            }
        )
        options = Options(include_paths=self.registry.include_paths)
        store = Store(self.folder / "cells")
        plan = make_plan(suite, replace(corpus, parts=parts), options, store)
        runner = Runner(plan, store, Silent(), charges_imports=False)
        runner.run()
        record = runner.records[plan.cells[-1].key]
        if record.status != "ok":
            return f"its cell ended {record.status}: {record.failure.message if record.failure else ''}"
        if not record.more_sources:
            return ""
        return (
            f"it also ran {', '.join(sorted(record.more_sources))}; "
            "import that by name, so that the key can follow it"
        )

    # -- what they need ------------------------------------------------------------------------------

    def _fitted(self, documents: Sequence[Document]) -> Adapter:
        adapter = self._loaded(documents)
        adapter.fit(self._projected(self.train), self._projected(self.validation))
        return adapter

    def _loaded(self, documents: Sequence[Document]) -> Adapter:
        return self._made_of(
            self.method,
            {
                "train": self._projected(self.train).documents,
                "validation": self._projected(self.validation).documents,
                "test": documents,
            },
        )

    def _made_of(self, method: Method, parts: Mapping[Part, Sequence[Document]]) -> Adapter:
        """The method, loaded; together with its members where it is made of others."""
        self._made += 1
        place = self.folder / f"method-{self._made}"
        adapter = Workbench(method, self.spec, place, SEED, built=self._built).loaded(parts)
        if not isinstance(adapter, Ensemble):
            return adapter

        found = members_of(method, self.task, self.registry)

        def of_others(documents: Sequence[Document]) -> list[Adapter]:
            judged: dict[Part, Sequence[Document]] = {"train": parts["train"], "test": documents}
            return [self._made_of(member, judged) for member in found]

        return Joined(adapter, [self._made_of(member, parts) for member in found], of_others)

    def _projected(self, dataset: Dataset) -> Dataset:
        targets = {self.task: dataset.targets[self.task]}
        documents = tuple(self.spec.project(document) for document in dataset.documents)
        return replace(dataset, documents=documents, targets=targets)

    def _predict(self, adapter: Adapter, documents: Sequence[Document]) -> dict[str, Prediction]:
        try:
            return checked(documents, adapter.predict(documents), get_task(self.task).predictions.check)
        except Exception:
            self._on = self._culprit(adapter, documents)
            raise

    def _culprit(self, adapter: Adapter, documents: Sequence[Document]) -> str:
        """The first document that raises by itself, too."""
        for document in documents if len(documents) > 1 else ():
            try:
                checked([document], adapter.predict([document]), get_task(self.task).predictions.check)
            except Exception:
                return f" on document {document.id}"
        return f" on document {documents[0].id}" if len(documents) == 1 else ""

    def _differs(self, found: Mapping[str, Prediction], exact: bool = False) -> str:
        if self.expected is None:
            raise _NotTried
        for id_, prediction in found.items():
            if not _same(self.expected[id_], prediction, 0.0 if exact else TOLERANCE):
                return f"document {id_}: {_short(self.expected[id_])} became {_short(prediction)}"
        return ""


def _odd_documents(documents: Sequence[Document], names: Sequence[str]) -> list[Document]:
    """``names`` are the two fields of the task, a short text and a long one."""
    short, long = names
    all_words = " ".join(document.fields[long] for document in documents).split()
    words = (all_words * (HUGE_WORDS // len(all_words) + 1))[:HUGE_WORDS]
    texts = {
        "empty": {},
        "blank": {short: " ", long: "\n"},
        "short-only": {short: "Tomography"},
        "stop-words": {short: "On the of", long: "It is what it was. And so on."},
        "huge": {short: documents[0].fields[short], long: " ".join(words)},
        "one-long-word": {short: "A" * 5_000},
        **{name: {short: title, long: abstract} for name, (title, abstract) in FOREIGN.items()},
    }
    return [Document(f"odd-{name}", fields) for name, fields in texts.items()]


def _same(one: Prediction, other: Prediction, tolerance: float) -> bool:
    if isinstance(one, RankedPhrases) and isinstance(other, RankedPhrases):
        return one.phrases == other.phrases and all(
            math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance * 1e-2)
            for a, b in zip(one.scores, other.scores, strict=True)
        )
    if isinstance(one, PredictedLabel) and isinstance(other, PredictedLabel):
        return (
            one.label == other.label
            and one.scores.keys() == other.scores.keys()
            and all(
                math.isclose(value, other.scores[name], rel_tol=tolerance, abs_tol=tolerance)
                for name, value in one.scores.items()
            )
        )
    if isinstance(one, ExtractedFacts) and isinstance(other, ExtractedFacts):
        return one == other
    return False


def _is_empty(prediction: Prediction) -> bool:
    if isinstance(prediction, ExtractedFacts):
        return not (prediction.facts or prediction.label or prediction.raw)
    return not (prediction.phrases if isinstance(prediction, RankedPhrases) else prediction.label)


def _short(prediction: Prediction) -> str:
    if isinstance(prediction, RankedPhrases):
        pairs = zip(prediction.phrases[:3], prediction.scores[:3], strict=True)
        return ", ".join(f"{phrase} ({score:.6g})" for phrase, score in pairs) or "nothing"
    if isinstance(prediction, ExtractedFacts):
        told = [f"{fact.subject}, {fact.predicate}, {fact.object}" for fact in prediction.facts[:3]]
        return "; ".join(told) or prediction.label or "nothing"
    return f"{prediction.label} ({prediction.scores})"
