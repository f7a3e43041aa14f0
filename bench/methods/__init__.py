"""Finds methods and the preparations that they need.

Reads and writes the spec of a method.
"""

__all__ = ["preparations", "registry", "spec"]
