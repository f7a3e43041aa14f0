"""From a suite file, or a bare dataset, to the cells of a run with their keys.

Nothing is measured here.
"""

__all__ = [
    "checking",
    "ensembles",
    "grids",
    "infer",
    "labels",
    "metrics",
    "plan",
    "planner",
    "reading",
    "sharding",
    "stored_plan",
    "suite",
    "suite_language",
]
