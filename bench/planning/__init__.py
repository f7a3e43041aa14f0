"""From a suite file, or a bare dataset, to the cells of a run with their keys.

Nothing is measured here.
"""

__all__ = ["infer", "labels", "members", "plan", "planner", "suite", "suite_language"]
