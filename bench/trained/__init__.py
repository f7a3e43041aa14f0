"""A trained method as a folder.

Fitting it, predicting with it and what a competition asks for.
"""

__all__ = ["fitting", "in_parts", "predicting", "submission", "submission_check"]
