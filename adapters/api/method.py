"""A language model behind an HTTP API as a method, with the prompts and answer formats of ``llm``."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from readbench.adapter import (
    UNANSWERED,
    Adapter,
    BenchError,
    Context,
    MissingDependency,
    Price,
    Usage,
)
from readbench.core.types import Dataset, Document, Prediction, Task
from readbench_adapters.api.answers import Answer, Journal
from readbench_adapters.api.asking import Asker, RequestFailed
from readbench_adapters.api.budget import Budget
from readbench_adapters.api.characters import Characters
from readbench_adapters.api.identity import Served, who_answers
from readbench_adapters.api.labels import by_first_token
from readbench_adapters.api.params import ApiParams
from readbench_adapters.api.server import Server
from readbench_adapters.llm.answer_counts import QUOTED_CHARACTERS, AnswerCounts
from readbench_adapters.llm.formats import LABELS, AnswerFormat, answer_format
from readbench_adapters.llm.prompts import Prompter, Shot, Template, choose_shots
from readbench_adapters.training.document_count import DocumentCount

SERVED, PRICE = "served", "price"
MANIFEST = "api.json"


@dataclass(frozen=True)
class _Told:
    """What ``usage`` has told already; ``answers`` by their requests."""

    answers: set[str] = field(default_factory=set)
    documents: int = 0
    requests: int = 0
    retries: int = 0


class Api(Adapter):
    """A model on a server that speaks the OpenAI chat API, asked about each paper by itself. It is not
    trained; with ``shots`` it is shown solved examples of the training part.

    Before a run is planned the server is asked what it calls itself, with one question of one token. That is
    part of the key: a server that has become another one makes other cells. Answers are kept in the results
    folder as they come, under ``kept/api``. A request that fails for good raises ``RequestFailed``."""

    name: ClassVar[str] = "api"
    tasks: ClassVar[frozenset[Task]] = frozenset({"classification", "keyphrases", "extraction"})
    summary: ClassVar[str] = "a model behind the OpenAI chat API, on any server: zero-shot or few-shot"
    requires: ClassVar[tuple[str, ...]] = ("openai",)
    install: ClassVar[str] = "pip install 'readbench[api]'"
    chunk_size: ClassVar[int] = 64
    stochastic: ClassVar[bool] = True
    params: ApiParams

    class Params(ApiParams):
        pass

    def __init__(self, params: ApiParams, context: Context) -> None:
        super().__init__(params, context)
        self.format: AnswerFormat = answer_format(context.task)
        self.server = Server(params)
        self._counts = AnswerCounts(0)
        self._by: Counter[str] = Counter()
        self._said: Counter[tuple[str, str]] = Counter()
        self._answered: dict[str, bool] = {}
        self._without = DocumentCount()
        self._told = _Told()
        self._asker: Asker | None = None
        self._prompter: Prompter | None = None

    # -- before anything is asked ------------------------------------------------------------------------

    @cached_property
    def served(self) -> Served:
        """What the server calls itself, as planned, or asked now. Raises MissingDependency where it cannot be
        asked."""
        if SERVED in self.context.weights:
            return Served.read(self.context.weights[SERVED])
        return who_answers(self.server)

    @property
    def _price(self) -> Price | None:
        return self.context.prices.get(self.params.model)

    def missing(self) -> None:
        super().missing()
        params = self.params
        if not params.model:
            raise MissingDependency(
                "asks a model of a server", todo="name it: api[model=NAME, base_url=ADDRESS]"
            )
        if params.key_variable and not self.server.key:
            raise MissingDependency(
                f"needs a key in the environment variable {params.key_variable}", where=params.base_url
            )
        self.served  # noqa: B018 - asks the server

    def weights(self) -> Mapping[str, str]:
        """What the server calls itself. With ``max_cost`` also the price, which says where a cell ends."""
        try:
            self.missing()
        except MissingDependency:
            return {}
        found = {SERVED: self.served.text}
        if self.params.max_cost is not None and self._price is not None:
            found[PRICE] = self._price.model_dump_json()
        return found

    # -- loading and learning ------------------------------------------------------------------------------

    def load(self) -> None:
        import openai  # noqa: F401 - has its own clock

        params = self.params
        if params.max_cost is not None and self._price is None:
            raise BenchError(
                f"max_cost is given, and no price of {params.model}",
                where=self.name,
                todo=f'give the suite [prices."{params.model}"] input = …, output = … (per million tokens)',
            )
        budget = Budget(params.max_tokens, params.max_cost, self._price)
        self._asker = Asker(params, self.server, self.served, Journal(self._file()), budget)
        self._asker.logprobs = self.format.closed and params.labels_by != "parsing"
        if self.format.labels or not self.format.closed:
            self._prepare(self.format.labels)

    def _file(self) -> Path | None:
        """Where the answers of this model on this server are kept."""
        if self.context.kept is None:
            return None
        name = json.dumps([self.params.base_url, self.params.model])
        return self.context.kept / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.jsonl"

    @property
    def asker(self) -> Asker:
        """Raises BenchError before ``load``."""
        if self._asker is None:
            raise BenchError("it cannot be asked yet", where=self.name, todo="call load first")
        return self._asker

    @property
    def prompter(self) -> Prompter:
        """Raises BenchError while the labels are not known."""
        if self._prompter is None:
            raise BenchError("it cannot be asked yet", where=self.name, todo="call load, then fit or restore")
        return self._prompter

    def _prepare(self, labels: Sequence[str]) -> None:
        """Makes prompts, which depend on the labels."""
        self.format = type(self.format)(self.context.task, tuple(labels))
        task = self.context.task
        text = self.params.prompt or task.prompt or self.format.prompt
        template = Template.read(text, (*task.fields, LABELS))
        self._prompter = Prompter(template, Characters(), self.format.labels, self.params.max_characters)

    def fit(self, train: Dataset, validation: Dataset) -> None:  # noqa: ARG002 - nothing is chosen
        learn = self.format.learnable(train)
        if self.format.closed and not self.context.task.labels:
            if not learn.labels:
                raise BenchError(
                    "it knows no labels to answer with", todo="name them in [tasks.classification]"
                )
            self._prepare(learn.classes)
        if self.params.shots:
            answers = {d.id: answer for d, answer in zip(learn.documents, learn.labels, strict=True)}
            chosen = choose_shots(learn.documents, answers, self.params.shots, self.context.seed)
            self.prompter.show([(document, answers[document.id]) for document in chosen])

    # -- predicting ------------------------------------------------------------------------------------------

    def predict(self, chunk: Sequence[Document]) -> Sequence[Prediction]:
        """Raises RequestFailed where a document's request failed for good; all others of the chunk are
        asked, and their answers kept, before."""
        if not chunk:
            return []
        limit = self.format.tokens(Characters(), self.params.max_new_tokens).generated
        contents = [self.prompter.text(document, "test") for document in chunk]
        found = self.asker.answers(contents, limit)
        predictions = [
            self._prediction(document, answer) for document, answer in zip(chunk, found, strict=True)
        ]
        self._note()
        for document, answer in zip(chunk, found, strict=True):
            if isinstance(answer, RequestFailed):
                raise RequestFailed(answer.what, where=f"document {document.id}")
        return predictions

    def _prediction(self, document: Document, answer: Answer | RequestFailed | None) -> Prediction:
        """A document without an answer gets the one of an answer that says nothing."""
        again = self._answered.get(document.id, False)
        self._answered[document.id] = isinstance(answer, Answer)
        if answer is None:
            self._without.add(document.id)
        if not isinstance(answer, Answer):
            return self.format.unreadable("")
        if not again:
            self._said[answer.model, answer.fingerprint] += 1
        if self.format.closed and answer.first is not None:
            prediction = by_first_token(answer.first, self.format.labels)
            if prediction is not None:
                self._by["logprobs"] += not again
                return prediction
        if self.format.closed and self.params.labels_by == "logprobs":
            self._counts.unreadable.add(document.id, answer.text[:QUOTED_CHARACTERS])
            return self.format.unreadable(answer.text)
        self._by["parsing"] += not again
        return self._counts.read(self.format, [document], [answer])[0]

    def _note(self) -> None:
        """Puts into the record what has been counted so far."""
        note, asker = self.context.note, self.asker
        note(
            "server",
            {
                "base_url": self.params.base_url,
                "planned": {"model": self.served.model, "fingerprint": self.served.fingerprint},
                "answered": [
                    {"model": model, "fingerprint": fingerprint, "answers": answers}
                    for (model, fingerprint), answers in self._said.items()
                ],
            },
        )
        note("requests", {"failed": len(asker.failed), "answers_from_before": asker.kept})
        note("cuts", self.prompter.cuts.described())
        self._counts.note(note, generates=True)
        if self.format.closed:
            note("labels_by", dict(self._by))
        if self.prompter.shots:
            note("shots", [{"id": shot.id, "answer": shot.answer} for shot in self.prompter.shots])
        if asker.reached:
            documents = self._without.documents
            note(UNANSWERED, {"documents": documents, "of": len(self._answered), "why": asker.reached})

    def usage(self) -> Usage | None:
        if self._asker is None:
            return None
        asker, told = self._asker, self._told
        new = {key: answer for key, answer in asker.used.items() if key not in told.answers}
        before = [answer for key, answer in new.items() if key in asker.journal.before]
        answered = sum(self._answered.values())
        usage = Usage(
            model=self.params.model,
            documents=answered - told.documents,
            input_tokens=_total(answer.input_tokens for answer in new.values()),
            cached_tokens=_total(answer.cached_tokens for answer in new.values()),
            output_tokens=_total(answer.output_tokens for answer in new.values()),
            requests=asker.requests - told.requests + sum(answer.requests for answer in before),
            retries=asker.retries - told.retries + sum(answer.requests - 1 for answer in before),
            kept=len(before),
            latencies_s=tuple(answer.seconds for answer in new.values()),
        )
        self._told = _Told({*asker.used}, answered, asker.requests, asker.retries)
        return usage

    # -- keeping ----------------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        shots = [[shot.id, shot.text, shot.answer] for shot in self.prompter.shots]
        text = json.dumps({"labels": list(self.format.labels), "shots": shots}, ensure_ascii=False, indent=1)
        (folder / MANIFEST).write_text(text, encoding="utf-8")

    def restore(self, folder: Path) -> None:
        kept = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        self._prepare(kept["labels"])
        self.prompter.shots = tuple(Shot(*shot) for shot in kept["shots"])


def _total(counts: Iterable[int | None]) -> int | None:
    """None where one of them is not known."""
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total
