"""Keyphrase methods of other libraries than pke.

Each file is one method, and one joins others.
"""

__all__: list[str] = []
