"""The errors, by the name that methods of others import: ``from readbench.errors import BenchError``."""

from readbench.core.errors import BenchError, MissingDependency

__all__ = ["BenchError", "MissingDependency"]
