"""Shows results: in the terminal, as markup, for other tools.

Nothing is computed anew.
"""

__all__ = [
    "audit",
    "ci",
    "comparison",
    "export",
    "files",
    "markup",
    "policy",
    "progress",
    "screen",
    "show",
    "terminal",
]
