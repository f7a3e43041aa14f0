"""What to say about a name that nothing has."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MOST_LISTED = 20


def suggestion(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """What somebody may have meant, in any letter case; else ``otherwise``, or the names that there are.

    >>> suggestion("Titel", ["title", "abstract"])
    'did you mean title?'
    >>> suggestion("x", ["title", "abstract"])
    'there are: title, abstract'
    """
    names = list(dict.fromkeys(known))
    by_lower: dict[str, str] = {}
    for one in names:
        by_lower.setdefault(one.lower(), one)
    near = difflib.get_close_matches(name.lower(), by_lower, n=2)
    if near:
        return f"did you mean {' or '.join(by_lower[key] for key in near)}?"
    if otherwise:
        return otherwise
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return f"there are: {', '.join(names[:MOST_LISTED])}{more}" if names else "there is none"
