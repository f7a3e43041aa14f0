"""Methods that ask a causal language model.

Loading, prompting, scoring and tuning have a file each.
"""

__all__ = [
    "answer_counts",
    "formats",
    "label_answers",
    "prompts",
]
