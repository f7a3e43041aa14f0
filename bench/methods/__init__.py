"""Finds methods and the preparations that they need.

Reads and writes how a method is spelled.
"""

__all__ = ["preparations", "registry", "spelling"]
