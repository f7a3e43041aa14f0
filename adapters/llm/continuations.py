"""Log-probabilities of many continuations of one prompt, which is read once: all of them go on from its keys
and values. Imports torch at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from readbench.adapter import BenchError
from readbench_adapters.llm.heads import HeadAtPositions, base_of, read
from readbench_adapters.llm.scoring import answer_positions, log_probability_of
from readbench_adapters.llm.shared_cache import ReadPrompts, read_prompts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def log_probabilities(
    model: Any,
    prompt: list[int],
    continuations: Sequence[list[int]],
    *,
    pad: int,
    device: str,
    together: int,
    shares: bool = True,
) -> NDArray[np.float64]:
    """Summed log-probabilities (continuations,) of the ids of each, given the prompt. ``together`` of them
    are read at a time. A model that keeps something else than keys and values, and any where not ``shares``,
    reads the prompt anew with each.

    Raises BenchError for an empty continuation, and where a score is no number.
    """
    import numpy as np

    if not all(continuations):
        raise BenchError("a phrase without a token cannot be scored")
    scores = np.zeros(len(continuations))
    if not continuations:
        return scores
    head = base_of(model).get_output_embeddings()
    with torch.inference_mode():
        found = None
        if shares:
            last = torch.tensor([[len(prompt) - 1]], device=device)
            selected = HeadAtPositions(head, last, len(prompt), exact=True)
            found = read_prompts(model, [prompt], selected, pad=pad, device=device)
        order = sorted(range(len(continuations)), key=lambda place: -len(continuations[place]))
        for start in range(0, len(order), together):
            places = order[start : start + together]
            rows = [continuations[place] for place in places]
            if found is None:
                sums = _whole(model, prompt, rows, head, pad=pad, device=device)
            else:
                sums = _from_cache(found[0], found[1], rows, head, pad=pad, device=device)
            scores[places] = sums.cpu().numpy()
    if np.isnan(scores).any():
        raise BenchError("the model's scores are no numbers", todo="give dtype=fp32, or download it again")
    return scores


def _from_cache(
    logits: Any, prompt: ReadPrompts, rows: list[list[int]], head: Any, *, pad: int, device: str
) -> Any:
    """Log-probabilities float64 (rows,). ``logits`` (1, 1, vocabulary) predict the first id of each row."""
    sums = torch.log_softmax(logits[0, 0], dim=-1)[[row[0] for row in rows]].double()
    longer = [place for place, row in enumerate(rows) if len(row) > 1]
    if longer:
        positions, targets = answer_positions([(1, rows[place][1:]) for place in longer])
        inputs = [rows[place][:-1] for place in longer]
        selected = HeadAtPositions(head, positions.to(device), max(map(len, inputs)), exact=True)
        further = prompt.go_on(inputs, selected, pad=pad, device=device)
        sums[longer] += log_probability_of(further, targets.to(device))
    return sums


def _whole(model: Any, prompt: list[int], rows: list[list[int]], head: Any, *, pad: int, device: str) -> Any:
    """As ``_from_cache``, each row read whole, one by one."""
    sums = []
    for row in rows:
        positions, targets = answer_positions([(len(prompt), row)])
        whole = [*prompt, *row]
        selected = HeadAtPositions(head, positions.to(device), len(whole), exact=True)
        logits = read(model, [whole], selected, pad=pad, device=device)
        sums.append(log_probability_of(logits, targets.to(device)))
    return torch.cat(sums)
