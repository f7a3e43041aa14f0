"""Shows results: in the terminal, as markup, for other tools.

Nothing is computed anew.
"""

__all__ = [
    "answers",
    "audit",
    "ci",
    "comparison",
    "export",
    "files",
    "lists",
    "log",
    "markup",
    "planned",
    "policy",
    "progress",
    "query",
    "screen",
    "show",
    "shown",
    "terminal",
]
