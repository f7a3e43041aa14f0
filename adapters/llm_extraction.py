"""Facts and labels from language models: the answer is free text, taught as the instruction format writes it
and read tolerantly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar, cast

from readbench.adapter import BenchError, TaskSpec
from readbench.facts import find_answer, write_answer
from readbench.types import Dataset, Document, ExtractedFacts, StatedFacts, Target
from readbench_adapters.labelled import Labelled, carve
from readbench_adapters.llm import QUOTED_CHARACTERS, Llm
from readbench_adapters.llm_prompts import LABELS, Prompter, Template
from readbench_adapters.llm_scoring import Answers, Scorer
from readbench_adapters.llm_training import Example, Learner

if TYPE_CHECKING:
    from readbench_adapters.training import Evaluation

ANSWER_TOKENS = 200
"""Of an answer with facts: the target length of the known setting."""
FACTS = "facts"
INSTRUCTION_FORMAT = ("instruction", "input")


@dataclass(frozen=True)
class FactsFormat:
    """Extraction: the answer is a list of facts, or of the label."""

    spec: TaskSpec
    labels: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()

    @property
    def prompt(self) -> str:
        """As the instruction format has it; of other fields one line each."""
        lines = "\n".join(f"{name.capitalize()}: {{{name}}}" for name in self.spec.fields)
        if set(self.spec.fields) <= set(INSTRUCTION_FORMAT):
            return f"{lines}\nAnswer: "
        return (
            "List the facts of this text as JSON objects with subject, predicate, object, subject_type and "
            f"object_type.\n{lines}\nAnswer: "
        )

    def answer(self, target: Target) -> str:
        if not isinstance(target, StatedFacts):
            raise BenchError("target is not StatedFacts")
        return write_answer(target)

    def parse(self, text: str) -> ExtractedFacts | None:
        stated = find_answer(text)
        return None if stated is None else ExtractedFacts(stated.facts, stated.label, raw=text)


class TextLearner(Learner):
    """A learner whose answers are no choice of a few: epochs are judged by the loss of the answers."""

    def judged(self, examples: Sequence[Example]) -> Evaluation:
        from readbench_adapters.training import Evaluation, by_length

        total = tokens = 0.0
        for batch in by_length([example.length for example in examples], self.scorer.batch_size):
            loss = self._answer_loss([examples[index] for index in batch])
            total += float(loss.value if loss.shown is None else loss.shown) * loss.count
            tokens += loss.count
        return Evaluation(-total / tokens, total / tokens)


class StatesFacts(Llm):
    """``max_tokens`` are those of prompt and answer together, ``max_new_tokens`` of the answer: longer ones
    are cut in training too. ``predict`` and ``agreement`` do not apply, nor does a classifier."""

    chooses: ClassVar[bool] = False

    def load(self) -> None:
        if self.params.head == "classifier":
            raise BenchError("head=classifier answers with a label, and facts are asked for")
        super().load()
        if not self.context.task.labels:
            self._ask_for(())

    def _ask_for(self, labels: Sequence[str]) -> None:
        params, tokenizer = self.params, self.causal.tokenizer
        self.format: Any = FactsFormat(self.context.task, tuple(labels))
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
        return self.params.max_new_tokens or ANSWER_TOKENS

    @property
    def _compares(self) -> bool:
        return False  # there is no scoring to hold it against

    def _learnable(self, part: Dataset) -> Labelled:
        """With the text of the answer in the place of a label."""
        known = part.targets.get("extraction", {})
        found = [document for document in part.documents if document.id in known]
        texts = [self._written(known[document.id]) for document in found]
        return Labelled(tuple(found), tuple(texts))

    def _written(self, target: Target) -> str:
        return FactsFormat(self.context.task).answer(target)

    def _carved(self, learn: Labelled) -> tuple[Labelled, Labelled]:
        """In proportion of the labels, all answers with facts being one kind."""
        kinds = [FACTS if text.startswith("```") else text for text in learn.labels]
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

    def predict(self, chunk: Sequence[Document]) -> list[ExtractedFacts]:  # type: ignore[override]
        if not chunk:
            return []
        start = perf_counter()
        prompts = [self.prompter.ids(document, "test") for document in chunk]
        found = []
        for document, text in zip(chunk, self._generated(prompts), strict=True):
            parsed = self.format.parse(text)
            if parsed is None:
                self._unparsable[document.id] = text[:QUOTED_CHARACTERS]
            found.append(parsed or ExtractedFacts(parsed=False, raw=text))
        self._read += sum(map(len, prompts))
        self._read_s += perf_counter() - start
        self._note()
        return found


@cache
def stating_facts(method: type[Llm]) -> type[Llm]:
    """The same method, model and parameters, for extraction."""
    return cast("type[Llm]", type(method.__name__, (StatesFacts, method), {"__module__": __name__}))
