"""Methods that ask a causal language model.

Loading, prompting, scoring and tuning have a file each.
"""

__all__ = [
    "answer_counts",
    "continuations",
    "formats",
    "label_answers",
    "loading",
    "memory",
    "model_folder",
    "prompts",
    "tuning",
]
