"""A language model that answers about documents: prompts go in, and probabilities of labels or free answers
come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from readbench.adapter import BenchError, Context
from readbench.core.types import Document
from readbench_adapters.llm.formats import LABELS, AnswerFormat, AnswerTokens
from readbench_adapters.llm.loading import CausalModel
from readbench_adapters.llm.params import LlmParams
from readbench_adapters.llm.prompts import Prompter, Template
from readbench_adapters.llm.scoring import Answers, FreeAnswer, Scorer, generate
from readbench_adapters.llm.tokenizer import TemplateTokenizer
from readbench_adapters.llm.training import Example, Learner
from readbench_adapters.training.labelled import Labelled

if TYPE_CHECKING:
    from readbench_adapters.llm.heads import Classifier


@dataclass(frozen=True)
class Respondent:
    """A model that is asked in the format of a task. ``tokens``: how long its answers may be. ``learner``
    holds the model as it is now, tuned or not."""

    causal: CausalModel
    format: AnswerFormat
    tokens: AnswerTokens
    prompter: Prompter
    learner: Learner

    @classmethod
    def of(
        cls, causal: CausalModel, answer_format: AnswerFormat, params: LlmParams, context: Context
    ) -> Respondent:
        """The model as it was loaded.

        Raises BenchError where the model reads fewer tokens than it may be given, where the answer leaves
        none for the prompt, and for a prompt that cannot be filled.
        """
        tokenizer, task = causal.tokenizer, context.task
        labels = answer_format.labels
        answers = Answers.of(tokenizer, labels) if answer_format.closed else None
        tokens = answer_format.tokens(tokenizer, params.max_new_tokens)
        template = Template.read(params.prompt or task.prompt or answer_format.prompt, (*task.fields, LABELS))
        if isinstance(tokenizer, TemplateTokenizer) and not tokenizer.has_template:
            template = template.with_cue()
        virtual = params.tuning_config().virtual
        _check_room(causal, params.max_tokens, virtual, tokens)
        prompter = Prompter(template, tokenizer, labels, params.max_tokens - tokens.reserved)
        scorer = Scorer(causal.model, tokenizer, context.device, params.predict_batch)
        return cls(
            causal, answer_format, tokens, prompter, Learner(causal.model, scorer, answers, None, virtual)
        )

    @property
    def model(self) -> Any:
        """The model as it is now: that of ``causal``, or what PEFT put around it."""
        return self.learner.model

    def with_model(self, model: Any, classifier: Classifier | None = None) -> Respondent:
        """The same questions to a tuned model."""
        model.eval()
        scorer = replace(self.learner.scorer, model=model)
        learner = replace(self.learner, model=model, scorer=scorer, classifier=classifier)
        return replace(self, learner=learner)

    def prompts(self, documents: Sequence[Document], part: str) -> list[list[int]]:
        """The ids of a prompt for each document; ``part`` is where cut documents are counted."""
        return [self.prompter.ids(document, part) for document in documents]

    def examples(self, learn: Labelled, part: str) -> tuple[list[Example], int]:
        """What is learned from documents and their written answers, and how many answers are cut. What is cut
        off is not learned, and neither is that the answer ends there."""
        examples, cut = [], 0
        for document, text in zip(learn.documents, learn.labels, strict=True):
            choice = -1
            if self.format.closed:
                if text not in self.format.labels:
                    continue
                choice = self.format.labels.index(text)
            answer = self.causal.tokenizer.answer(text)
            cut += len(answer) > self.tokens.generated
            prompt = self.prompter.ids(document, part)
            examples.append(Example(prompt, answer[: self.tokens.generated], choice))
        return examples, cut

    def free_answers(self, prompts: Sequence[list[int]]) -> list[FreeAnswer]:
        """What the model writes after each prompt, greedily."""
        scorer = self.learner.scorer
        return generate(
            self.model,
            self.causal.tokenizer,
            prompts,
            device=scorer.device,
            batch_size=scorer.batch_size,
            max_new_tokens=self.tokens.generated,
        )


def _check_room(causal: CausalModel, max_tokens: int, virtual: int, tokens: AnswerTokens) -> None:
    """Raises BenchError where the model does not read ``max_tokens`` and its ``virtual`` ones, or where an
    answer leaves no room for a prompt."""
    limit = getattr(causal.model.config, "max_position_embeddings", None)
    if limit is not None and max_tokens + virtual > limit:
        raise BenchError(
            f"the model reads {limit} tokens, not {max_tokens} and {virtual} virtual ones",
            todo="give fewer max_tokens",
        )
    if tokens.reserved >= max_tokens:
        raise BenchError(
            f"{tokens.reserved} of {max_tokens} tokens are the answer's: no text fits",
            todo="give more max_tokens, or fewer max_new_tokens",
        )
