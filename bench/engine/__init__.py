"""Carries out a plan: one process a cell, with limits and clocks.

Scores what comes back.
"""

__all__ = [
    "child",
    "elsewhere",
    "forecast",
    "joined",
    "phrase_vectors",
    "prediction",
    "ray",
    "reference_workload",
    "reporter",
    "runner",
    "single",
    "slurm",
    "workbench",
]
