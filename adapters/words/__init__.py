"""Words of a language: parse, stop words and candidate phrases.

Every family may use them.
"""

__all__ = ["candidates", "languages", "parse", "phrase_lists", "stop_words", "tag_patterns"]
