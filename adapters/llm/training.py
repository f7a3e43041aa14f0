"""Fine-tuning a language model on prompts and answers: the loss is that of the answer's tokens alone, the
best epoch is chosen on validation, and AdaLoRA's budget is moved after every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from readbench.adapter import Context
from readbench_adapters.llm.scoring import Answers, Scorer, answer_positions
from readbench_adapters.llm.tuning import ADAPTER, after_step_of_adalora, orthogonality, ranks
from readbench_adapters.training.loop import BatchLoss, Epoch, Evaluation, TrainingConfig, by_length, train

if TYPE_CHECKING:
    from readbench_adapters.llm.heads import Classifier
    from readbench_adapters.training.checkpoint import Checkpoint


@dataclass(frozen=True)
class Example:
    """Ids of a prompt and of the answer that is to follow it, and which of the choices that is (-1: free
    text)."""

    prompt: list[int]
    answer: list[int]
    choice: int

    @property
    def length(self) -> int:
        return len(self.prompt) + len(self.answer)


@dataclass(frozen=True)
class Learner:
    """What is trained and how it is judged. ``answers`` are those to choose from (None: answers are free
    text); ``classifier`` takes their place where it is there. ``virtual``: tokens that the tuning puts before
    a prompt."""

    model: Any
    scorer: Scorer
    answers: Answers | None = None
    classifier: Classifier | None = None
    virtual: int = 0

    def loss(self, examples: Sequence[Example]) -> BatchLoss:
        """Of one batch, forward pass included: the mean over the answers' tokens, or over the documents
        where a classifier is trained."""
        return self._class_loss(examples) if self.classifier else self._answer_loss(examples)

    def _answer_loss(self, examples: Sequence[Example]) -> BatchLoss:
        from torch.nn import functional

        from readbench_adapters.llm.heads import HeadAtPositions, base_of

        rows = [[*example.prompt, *example.answer] for example in examples]
        positions, targets = answer_positions([(len(example.prompt), example.answer) for example in examples])
        device = self.scorer.device
        head = base_of(self.model).get_output_embeddings()
        logits = self._logits(rows, HeadAtPositions(head, positions.to(device), max(map(len, rows))))
        value = functional.cross_entropy(
            logits.flatten(0, 1), targets.to(device).flatten(), ignore_index=-100
        )
        return self._regularised(value, rows, int((targets >= 0).sum()))

    def _class_loss(self, examples: Sequence[Example]) -> BatchLoss:
        import torch
        from torch.nn import functional

        assert self.classifier is not None
        rows = [example.prompt for example in examples]
        device = self.scorer.device
        positions = torch.tensor([[len(row) - 1] for row in rows], device=device)
        logits = self._logits(rows, self.classifier.at(positions, max(map(len, rows))))
        choices = torch.tensor([example.choice for example in examples], device=device)
        return self._regularised(functional.cross_entropy(logits[:, 0], choices), rows, len(rows))

    def _logits(self, rows: list[list[int]], head: Any) -> Any:
        from readbench_adapters.llm.heads import read

        scorer = self.scorer
        return read(self.model, rows, head, pad=scorer.tokenizer.pad_id, device=scorer.device)

    def _regularised(self, value: Any, rows: list[list[int]], count: int) -> BatchLoss:
        tokens = sum(len(row) + self.virtual for row in rows)
        if not adalora(self.model):
            return BatchLoss(value, tokens, count)
        return BatchLoss(value + orthogonality(self.model), tokens, count, shown=value.item())

    def log_probabilities(self, prompts: Sequence[list[int]]) -> Any:
        """float64 (prompts, choices)."""
        if self.classifier is not None:
            return self.scorer.classes(prompts, self.classifier)
        assert self.answers is not None, "free text has no choices"
        return self.scorer.labels(prompts, self.answers)

    def judged(self, examples: Sequence[Example]) -> Evaluation:
        """How good the model is on examples that it does not learn from."""
        if self.classifier is None and self.answers is None:
            return self._judged_by_loss(examples)
        return self._judged_by_choice(examples)

    def _judged_by_choice(self, examples: Sequence[Example]) -> Evaluation:
        """The share of examples whose choice is scored best, and the mean negative log-probability."""
        import numpy as np

        logs = self.log_probabilities([example.prompt for example in examples])
        choices = np.array([example.choice for example in examples])
        right = logs.argmax(axis=1) == choices
        return Evaluation(float(right.mean()), float(-logs[np.arange(len(choices)), choices].mean()))

    def _judged_by_loss(self, examples: Sequence[Example]) -> Evaluation:
        """The mean loss over the tokens of all answers."""
        total = tokens = 0.0
        for batch in by_length([example.length for example in examples], self.scorer.batch_size):
            loss = self._answer_loss([examples[index] for index in batch])
            total += float(loss.value if loss.shown is None else loss.shown) * loss.count
            tokens += loss.count
        return Evaluation(-total / tokens, total / tokens)


def fine_tune(
    learner: Learner,
    examples: Sequence[Example],
    validation: Sequence[Example],
    config: TrainingConfig,
    context: Context,
    checkpoint: Checkpoint | None = None,
) -> tuple[Epoch, ...]:
    """Trains and leaves the best epoch in the model. Notes the learning curve, and for AdaLoRA the ranks
    at the start and those that are left."""
    import torch

    model = learner.model
    parts = torch.nn.ModuleList([model, learner.classifier] if learner.classifier else [model])
    budgeted = adalora(model)
    curve = train(
        parts,
        lambda batch: learner.loss([examples[index] for index in batch]),
        [example.length for example in examples],
        config,
        context,
        evaluate=(lambda: learner.judged(validation)) if validation else None,
        after_step=after_step_of_adalora(model) if budgeted else None,
        checkpoint=checkpoint,
    )
    if budgeted:
        trained, left = ranks(model)
        context.note("ranks", {"trained": trained, "left": left})
    return curve


def adalora(model: Any) -> bool:
    config = getattr(model, "peft_config", {}).get(ADAPTER)
    return config is not None and str(config.peft_type.value) == "ADALORA"
