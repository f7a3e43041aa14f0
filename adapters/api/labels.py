"""Which label the first token of an answer stands for, by the log-probabilities that a server gives."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

from readbench.core.types import PredictedLabel
from readbench_adapters.llm.label_answers import key


def by_first_token(first: Sequence[tuple[str, float]], labels: Sequence[str]) -> PredictedLabel | None:
    """The label with the most probability, and all labels scored by theirs; they sum to 1.

    A token counts for a label that it begins. Where tokens begin several labels, or none, and these could
    change which label is first, or where no token begins any, the first token does not tell: None.

    >>> by_first_token([("med", -0.1), ("comp", -2.5)], ("medicine", "computing")).label
    'medicine'
    >>> by_first_token([("med", -0.1)], ("medicine", "media")) is None
    True
    """
    spelled = {label: key(label) for label in labels}
    mass = dict.fromkeys(labels, 0.0)
    shared = 0.0
    for token, log_probability in first:
        text = key(token)
        begun = [label for label, whole in spelled.items() if text and whole.startswith(text)]
        if len(begun) == 1:
            mass[begun[0]] += exp(log_probability)
        elif begun:
            shared += exp(log_probability)
    best, *others = sorted(mass.values(), reverse=True) or [0.0]
    if not best or best - max(others, default=0.0) <= shared:
        return None
    total = sum(mass.values())
    scores = {label: value / total for label, value in mass.items()}
    return PredictedLabel(max(labels, key=lambda label: scores[label]), scores)
