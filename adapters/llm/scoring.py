"""Log-probabilities of labels, and free answers. Of a label's words only the logits that are compared are
computed, in single precision, and no score depends on the other rows of its batch."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from readbench.adapter import BenchError
from readbench_adapters.llm.tokenizer import ChatTokenizer
from readbench_adapters.training.loop import by_length

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from readbench_adapters.llm.heads import Classifier
    from readbench_adapters.llm.shared_cache import ReadPrompts


@dataclass(frozen=True)
class Answers:
    """The ids of each answer to choose from. ``shared``: how many ids all of them have in common at first.

    The token that ends an answer is part of its ids only where some answer is the beginning of another: it
    tells 1 from 10. To tell 1 from 0 it is not needed.
    """

    rows: tuple[tuple[int, ...], ...]
    shared: int

    @classmethod
    def of(cls, tokenizer: ChatTokenizer, choices: Sequence[str]) -> Answers:
        """Raises BenchError where the tokenizer writes two choices alike."""
        ended = [tuple(tokenizer.answer(choice)) for choice in choices]
        bare = [row[:-1] if row[-1] == tokenizer.eos_id else row for row in ended]
        if len(set(bare)) < len(bare) or not all(bare):
            raise BenchError(f"the model's tokenizer does not tell these labels apart: {', '.join(choices)}")
        nested = any(longer != row and longer[: len(row)] == row for longer in bare for row in bare)
        rows = tuple(ended if nested else bare)
        shared = 0
        while all(len(row) > shared + 1 for row in rows) and len({row[shared] for row in rows}) == 1:
            shared += 1
        return cls(rows, shared)

    @property
    def branch(self) -> tuple[int, ...] | None:
        """The id behind the shared ones, where it alone tells the answers apart; None where it does not."""
        last = [row[self.shared] for row in self.rows]
        single = all(len(row) == self.shared + 1 for row in self.rows)
        return tuple(last) if single and len(set(last)) == len(last) else None


@dataclass(frozen=True)
class Scorer:
    """A model that is asked for log-probabilities. ``model`` may be wrapped by PEFT; ``batch_size`` in
    prompts."""

    model: Any
    tokenizer: ChatTokenizer
    device: str
    batch_size: int

    def labels(self, prompts: Sequence[list[int]], answers: Answers) -> NDArray[np.float64]:
        """Log-probabilities of the answers given each prompt, (prompts, answers), normalised over these
        answers."""
        import numpy as np

        if not prompts:
            return np.zeros((0, len(answers.rows)))
        if answers.branch is None:
            logs = self._whole(prompts, answers)
        else:
            logs = self._at_branch(prompts, answers, answers.branch)
        with np.errstate(invalid="ignore"):
            return _numbers(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True))

    def classes(self, prompts: Sequence[list[int]], classifier: Classifier) -> NDArray[np.float64]:
        """Log-probabilities (prompts, classes) by a classifier over the last state of each prompt."""
        import numpy as np
        import torch

        logs = np.zeros((len(prompts), classifier.linear.out_features))
        for batch in by_length([len(prompt) for prompt in prompts], self.batch_size):
            rows = [prompts[index] for index in batch]
            positions = torch.tensor([[len(row) - 1] for row in rows], device=self.device)
            logits = self._forward(rows, classifier.at(positions, max(map(len, rows))))
            logs[batch] = torch.log_softmax(logits[:, 0], dim=-1).double().cpu().numpy()
        return _numbers(logs)

    def _at_branch(
        self, prompts: Sequence[list[int]], answers: Answers, branch: tuple[int, ...]
    ) -> NDArray[np.float64]:
        """Logits (prompts, answers). One row a prompt: the shared ids are appended, the ids of the branch
        compared."""
        import numpy as np
        import torch

        from readbench_adapters.llm.heads import HeadAtPositions, base_of

        head = base_of(self.model).get_output_embeddings()
        columns = torch.tensor(branch, device=self.device)
        logs = np.zeros((len(prompts), len(branch)))
        for batch in by_length([len(prompt) for prompt in prompts], self.batch_size):
            rows = [[*prompts[index], *answers.rows[0][: answers.shared]] for index in batch]
            positions = torch.tensor([[len(row) - 1] for row in rows], device=self.device)
            selected = HeadAtPositions(head, positions, max(map(len, rows)), columns=columns, exact=True)
            logs[batch] = self._forward(rows, selected)[:, 0].double().cpu().numpy()
        return logs

    def _whole(self, prompts: Sequence[list[int]], answers: Answers) -> NDArray[np.float64]:
        """Log-probabilities (prompts, answers), those of an answer's ids summed, without the ids that all
        answers have in common at first. Each prompt is read once, and all answers go on from there."""
        import numpy as np
        import torch

        from readbench_adapters.llm.heads import HeadAtPositions, base_of
        from readbench_adapters.llm.shared_cache import read_prompts, together

        head = base_of(self.model).get_output_embeddings()
        tails = [list(row[answers.shared :]) for row in answers.rows]
        sums = np.zeros((len(prompts), len(tails)))
        size = together(self.model, self.batch_size, len(tails))
        for batch in by_length([len(prompt) for prompt in prompts], size):
            rows = [[*prompts[index], *answers.rows[0][: answers.shared]] for index in batch]
            positions = torch.tensor([[len(row) - 1] for row in rows], device=self.device)
            last = HeadAtPositions(head, positions, max(map(len, rows)), exact=True)
            with torch.inference_mode():
                found = read_prompts(self.model, rows, last, pad=self.tokenizer.pad_id, device=self.device)
                if found is None:
                    return self._one_by_one(prompts, answers)
                logits, read = found
                first = torch.log_softmax(logits[:, 0], dim=-1)[:, [tail[0] for tail in tails]].double()
                sums[batch] = (first + self._behind_the_first(read, tails, head)).cpu().numpy()
        return sums

    def _behind_the_first(self, read: ReadPrompts, tails: list[list[int]], head: Any) -> Any:
        """Log-probabilities float64 (prompts, answers) of the ids behind the first one of each answer."""
        import torch

        from readbench_adapters.llm.heads import HeadAtPositions

        prompts = len(read.lengths)
        sums = torch.zeros((prompts, len(tails)), dtype=torch.float64, device=self.device)
        longer = [index for index, tail in enumerate(tails) if len(tail) > 1]
        if not longer:
            return sums
        rows = [tails[index][:-1] for index in longer] * prompts
        positions, targets = answer_positions([(1, tails[index][1:]) for index in longer] * prompts)
        selected = HeadAtPositions(head, positions.to(self.device), max(map(len, rows)), exact=True)
        logits = read.go_on(rows, selected, pad=self.tokenizer.pad_id, device=self.device)
        summed = log_probability_of(logits, targets.to(self.device))
        sums[:, longer] = summed.view(prompts, len(longer))
        return sums

    def _one_by_one(self, prompts: Sequence[list[int]], answers: Answers) -> NDArray[np.float64]:
        """As ``_whole``, and the ids in common with them: one row a prompt and answer, each read whole."""
        import numpy as np

        from readbench_adapters.llm.heads import HeadAtPositions, base_of

        head = base_of(self.model).get_output_embeddings()
        pairs = [(i, j) for i in range(len(prompts)) for j in range(len(answers.rows))]
        sums = np.zeros((len(prompts), len(answers.rows)))
        for batch in by_length([len(prompts[i]) + len(answers.rows[j]) for i, j in pairs], self.batch_size):
            chosen = [pairs[index] for index in batch]
            rows = [[*prompts[i], *answers.rows[j]] for i, j in chosen]
            positions, targets = answer_positions(
                [(len(prompts[i]), list(answers.rows[j])) for i, j in chosen]
            )
            selected = HeadAtPositions(head, positions.to(self.device), max(map(len, rows)), exact=True)
            summed = log_probability_of(self._forward(rows, selected), targets.to(self.device)).cpu().numpy()
            for (i, j), value in zip(chosen, summed, strict=True):
                sums[i, j] = value
        return sums

    def _forward(self, rows: list[list[int]], head: Any) -> Any:
        """float32 (rows, positions, columns), as the head in place gives them."""
        import torch

        from readbench_adapters.llm.heads import read

        with torch.inference_mode():
            return read(self.model, rows, head, pad=self.tokenizer.pad_id, device=self.device)


def log_probability_of(logits: Tensor, targets: Tensor) -> Tensor:
    """The sum of the log-probabilities of each row's targets, float64 (rows,). ``logits``: (rows, positions,
    vocabulary); ``targets``: ids (rows, positions), below 0 where there is none."""
    import torch

    taken = torch.log_softmax(logits, dim=-1).gather(-1, targets.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    return taken.double().masked_fill(targets < 0, 0.0).sum(dim=1)


def _numbers(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores (papers, labels). Raises BenchError where some are no numbers: of those none is the best."""
    import numpy as np

    wrong = int(np.isnan(logs).any(axis=1).sum())
    if wrong:
        raise BenchError(
            f"the model's scores of {wrong} of {len(logs)} papers are no numbers",
            todo="give dtype=fp32, a lower learning rate, or download its weights again",
        )
    return logs


def answer_positions(pairs: Sequence[tuple[int, list[int]]]) -> tuple[Any, Any]:
    """For pairs (length of the prompt, ids of the answer): the positions where the ids are predicted, and the
    ids. Two int64 tensors (pairs, longest answer); behind the end of an answer the id is -100."""
    import torch

    longest = max(len(answer) for _, answer in pairs)
    positions = torch.zeros((len(pairs), longest), dtype=torch.int64)
    targets = torch.full((len(pairs), longest), -100, dtype=torch.int64)
    for row, (length, answer) in enumerate(pairs):
        positions[row, : len(answer)] = torch.arange(length - 1, length - 1 + len(answer))
        targets[row, : len(answer)] = torch.tensor(answer, dtype=torch.int64)
    return positions, targets


@dataclass(frozen=True, slots=True)
class FreeAnswer:
    """What a model wrote, without special tokens. ``whole``: it ended by itself, not at the limit of its
    tokens."""

    text: str
    whole: bool


def generate(
    model: Any,
    tokenizer: ChatTokenizer,
    prompts: Sequence[list[int]],
    *,
    device: str,
    batch_size: int,
    max_new_tokens: int,
) -> list[FreeAnswer]:
    """What the model writes after each prompt: greedily, and at most ``max_new_tokens``. An answer ends with
    any of the tokens that end one (``ends_of_answers``).

    Shorter prompts of a batch are padded on the left, where the tuning allows it (``takes_padding``);
    otherwise a batch holds prompts of one length.
    """
    import torch
    from transformers import GenerationConfig

    from readbench_adapters.llm.heads import left_padded

    ends = ends_of_answers(model, tokenizer)
    config = GenerationConfig(
        do_sample=False,
        num_beams=1,
        max_new_tokens=max_new_tokens,
        eos_token_id=list(ends),
        pad_token_id=tokenizer.pad_id,
    )
    answers = [FreeAnswer("", True)] * len(prompts)
    lengths = [len(prompt) for prompt in prompts]
    for batch in _asked_together(lengths, batch_size, padded=takes_padding(model)):
        ids, mask = left_padded([prompts[index] for index in batch], tokenizer.pad_id, device)
        with torch.inference_mode():
            written = model.generate(input_ids=ids, attention_mask=mask, generation_config=config)
        for index, row in zip(batch, written[:, ids.shape[1] :].tolist(), strict=True):
            end = next((place for place, id_ in enumerate(row) if id_ in ends), None)
            answers[index] = FreeAnswer(tokenizer.decode(row[:end]), end is not None)
    return answers


def takes_padding(model: Any) -> bool:
    """Whether a model can generate behind padding: its positions are those of the attention mask. With PEFT's
    prompts and prefixes they are wrong there, and the first ChatGLM has a layout of its own."""
    from readbench_adapters.llm.heads import base_of

    takes = inspect.signature(base_of(model).forward).parameters
    virtual = any(config.is_prompt_learning for config in getattr(model, "peft_config", {}).values())
    return not virtual and "position_ids" in takes and "layout_ids" not in takes


def _asked_together(lengths: Sequence[int], batch_size: int, *, padded: bool) -> list[list[int]]:
    """Batches of indices, the longest first; where nothing may be ``padded``, of one length each."""
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    batches: list[list[int]] = []
    for index in order:
        last = batches[-1] if batches else []
        if last and len(last) < batch_size and (padded or lengths[last[0]] == lengths[index]):
            last.append(index)
        else:
            batches.append([index])
    return batches


def ends_of_answers(model: Any, tokenizer: ChatTokenizer) -> tuple[int, ...]:
    """The ids that end an answer: the tokenizer's, and those that the model's own ``generation_config`` names
    (one, or a list of them, as with Gemma, Phi-3 and Llama 3). Raises BenchError for ids that are none."""
    from readbench_adapters.llm.heads import base_of

    said = getattr(getattr(base_of(model), "generation_config", None), "eos_token_id", None)
    ids = said if isinstance(said, list | tuple) else [] if said is None else [said]
    if any(isinstance(id_, bool) or not isinstance(id_, int) or id_ < 0 for id_ in ids):
        raise BenchError(
            f"its generation_config.json names {said!r} as eos_token_id, which is no id",
            todo="take generation_config.json from the model's repository again",
        )
    return tuple(dict.fromkeys((tokenizer.eos_id, *ids)))
