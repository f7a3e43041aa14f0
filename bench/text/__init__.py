"""Text as people and models write it: normal forms, stems, lists, facts, languages.

Readers, metrics and methods share it.
"""

__all__ = ["facts", "languages", "normalise", "porter"]
