"""Two runs side by side on the same documents.

What changed, and what it costs now.
"""

__all__ = ["answers", "costs", "flips", "paired", "runs"]
