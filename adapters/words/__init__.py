"""Words of a language: parse, stop words and candidate phrases.

Every family may use them.
"""
