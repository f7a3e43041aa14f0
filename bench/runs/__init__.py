"""One run from a suite's name to its board.

Also the verbs for Python.
"""

__all__ = ["api", "interface", "places", "rerun", "running", "watching"]
