"""Language models whose answer is free text, for the tasks where it is no choice of a few labels: taught as
the task writes its targets, generated greedily, read tolerantly, and counted where it cannot be read."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

from readbench.adapter import BenchError
from readbench.core.types import Dataset, Document, Prediction, Task
from readbench_adapters.llm.base import Llm
from readbench_adapters.llm.formats import LABELS, QUOTED_CHARACTERS, TaskFormat
from readbench_adapters.llm.prompts import Prompter, Template
from readbench_adapters.llm.scoring import Answers, Said, Scorer
from readbench_adapters.llm.training import Example, Learner
from readbench_adapters.training.labelled import Labelled, carve

if TYPE_CHECKING:
    from readbench_adapters.training.loop import Evaluation


class TextLearner(Learner):
    """A learner whose answers are no choice of a few: epochs are judged by the loss of the answers."""

    def judged(self, examples: Sequence[Example]) -> Evaluation:
        from readbench_adapters.training.loop import Evaluation, by_length

        total = tokens = 0.0
        for batch in by_length([example.length for example in examples], self.scorer.batch_size):
            loss = self._answer_loss([examples[index] for index in batch])
            total += float(loss.value if loss.shown is None else loss.shown) * loss.count
            tokens += loss.count
        return Evaluation(-total / tokens, total / tokens)


class WritesText(Llm):
    """``max_tokens`` are those of prompt and answer together, ``max_new_tokens`` of the answer: longer ones
    are cut in training too. ``predict`` and ``agreement`` do not apply, nor does a classifier."""

    chooses: ClassVar[bool] = False
    task: ClassVar[Task]
    asked_for: ClassVar[str]
    """In a message: what is asked for and no classifier can answer with."""
    answer_tokens: ClassVar[int]
    """Of an answer, where no ``max_new_tokens`` are given."""

    @abstractmethod
    def _format(self, labels: Sequence[str]) -> TaskFormat:
        """What is asked, and how an answer is written and read."""

    @abstractmethod
    def _unread(self, said: Said) -> Prediction:
        """The prediction that stands for an answer which could not be read."""

    def _kind(self, text: str) -> str:  # noqa: ARG002 - one kind of answers, unless a task has several
        """What an answer is one of, so that a share for validation has all of them in proportion."""
        return ""

    def load(self) -> None:
        if self.params.head == "classifier":
            raise BenchError(f"head=classifier answers with a label, and {self.asked_for} are asked for")
        super().load()
        if not self.context.task.labels:
            self._ask_for(())

    def _ask_for(self, labels: Sequence[str]) -> None:
        params, tokenizer = self.params, self.causal.tokenizer
        self.format: Any = self._format(labels)
        self.answers = Answers((), 0)
        self.longest_answer = 0
        text = params.prompt or self.context.task.prompt or self.format.prompt
        template = Template.read(text, (*self.context.task.fields, LABELS))
        self._check_room()
        self.prompter = Prompter(template, tokenizer, labels, params.max_tokens - self._most_said)

    def _check_room(self) -> None:
        super()._check_room()
        if self._most_said >= self.params.max_tokens:
            raise BenchError(
                f"{self._most_said} of {self.params.max_tokens} tokens are the answer's: no text fits",
                todo="give more max_tokens, or fewer max_new_tokens",
            )

    @property
    def _most_said(self) -> int:
        return self.params.max_new_tokens or self.answer_tokens

    @property
    def _compares(self) -> bool:
        return False  # there is no scoring to hold it against

    def _learnable(self, part: Dataset) -> Labelled:
        """With the text of the answer in the place of a label; a target without content teaches nothing."""
        known = part.targets.get(self.task, {})
        found = [document for document in part.documents if known.get(document.id)]
        written = self._format(())
        return Labelled(tuple(found), tuple(written.answer(known[document.id]) for document in found))

    def _carved(self, learn: Labelled) -> tuple[Labelled, Labelled]:
        kinds = [self._kind(text) for text in learn.labels]
        kept, taken = carve(kinds, self.params.validation, self.context.seed)
        return learn.only(kept), learn.only(taken)

    def _examples(self, of: Labelled, part: str) -> list[Example]:
        """What does not fit of an answer is not learned, and neither is that it ends there."""
        examples, cut = [], 0
        for document, text in zip(of.documents, of.labels, strict=True):
            answer = self.causal.tokenizer.answer(text)
            cut += len(answer) > self._most_said
            examples.append(Example(self.prompter.ids(document, part), answer[: self._most_said], -1))
        if cut:
            self.context.note(f"answers_cut_{part}", cut)
        return examples

    def _finish(self) -> None:
        params = self.params
        scorer = Scorer(self.model, self.causal.tokenizer, self.context.device, params.predict_batch)
        self.learner = TextLearner(self.model, scorer, self.answers, None, params.tuning_config().virtual)
        self.model.eval()

    def predict(self, chunk: Sequence[Document]) -> list[Any]:
        if not chunk:
            return []
        start = perf_counter()
        prompts = [self.prompter.ids(document, "test") for document in chunk]
        found = []
        for document, said in zip(chunk, self._generated(prompts), strict=True):
            prediction = self.format.parse(said.text, whole=said.whole)
            if prediction is None:
                self._unparsable.add(document.id, said.text[:QUOTED_CHARACTERS])
                prediction = self._unread(said)
            found.append(prediction)
        self._read += sum(map(len, prompts))
        self._read_s += perf_counter() - start
        self._note()
        return found
