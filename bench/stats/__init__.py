"""Intervals, paired tests and rank ranges over scores of documents.

Seeded: the same input gives the same numbers.
"""

__all__ = ["differences", "intervals", "of_run", "power", "resampling", "significance"]
