"""Shows results: in the terminal, as markup, for other tools.

Nothing is computed anew.
"""

__all__ = [
    "answers",
    "audit",
    "ci",
    "comparison",
    "documents",
    "export",
    "export_schemas",
    "export_wandb",
    "files",
    "frame",
    "lists",
    "log",
    "markup",
    "page",
    "pairs",
    "planned",
    "policy",
    "progress",
    "query",
    "screen",
    "show",
    "shown",
    "terminal",
]
