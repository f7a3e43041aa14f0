"""Methods that read facts from a text.

They need no model library.
"""

__all__: list[str] = []
