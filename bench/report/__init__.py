"""Shows results: in the terminal, as markup, for other tools.

Nothing is computed anew.
"""

__all__ = [
    "audit",
    "ci",
    "comparison",
    "documents",
    "export",
    "export_schemas",
    "files",
    "frame",
    "markup",
    "page",
    "policy",
    "progress",
    "query",
    "screen",
    "show",
    "terminal",
]
