"""Which column plays which role, and which become fields: the same for every kind of file."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from readbench.core.errors import BenchError
from readbench.datasets.lines import check_text, shown
from readbench.datasets.options import Role

ALIASES: Mapping[Role, tuple[str, ...]] = MappingProxyType(
    {
        "id": ("uuid", "id"),
        "title": ("title",),
        "abstract": ("abstract",),
        "authors": ("author", "authors"),
        "keyphrases": ("keywords", "keyphrases"),
        "label": ("label",),
        "language": ("language",),
    }
)
"""Names, in lower case, by which a column is known where the user maps none."""

TEXT_FIELDS = ("title", "abstract", "text")
"""A document needs one of these to be read at all."""

# Names of gold. `controlled` is Inspec's second gold set; the last four are those of sets on the
# Hugging Face hub (midas, taln-ls2n). Whatever role such a column plays, or none, it must not reach
# a method.
_GOLD = frozenset(
    {
        *ALIASES["keyphrases"],
        *ALIASES["label"],
        "controlled",
        "extractive_keyphrases",
        "abstractive_keyphrases",
        "doc_bio_tags",
        "prmu",
    }
)
_FIELD_ROLES: tuple[Role, ...] = ("title", "abstract", "authors")
_MAX_NAMES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Columns:
    """Column names of a file by role, and by the name of the field that they become."""

    roles: Mapping[Role, str]
    fields: Mapping[str, str]


def resolve(
    names: Iterable[str], mapped: Mapping[Role, str], where: str, hidden: Collection[str] = ()
) -> Columns:
    """Gives every column its role or its field name, in any letter case.

    A role in ``mapped`` is played by the column named there and by no other. Columns without a name
    (a table's row index) and those of ``hidden`` play none. Raises BenchError where two columns have
    one name, or could play one role.
    """
    by_key: dict[str, str] = {}
    for name in names:
        check_text(name, where)
        key = _key(name)
        if key in by_key:
            raise BenchError(f"two columns are named {shown(key)}", where=where, todo="rename one of them")
        if key:
            by_key[key] = name
    taken = {_key(name) for name in mapped.values()}
    roles: dict[Role, str] = {}
    for role, aliases in ALIASES.items():
        wanted = [_key(mapped[role])] if role in mapped else [key for key in aliases if key not in taken]
        found = [key for key in wanted if key in by_key]
        if len(found) > 1:
            raise BenchError(
                f"columns {' and '.join(found)} could both be the {role}",
                where=where,
                todo=f'say which in the suite: [dataset.columns] {role} = "{found[0]}"',
            )
        if found:
            roles[role] = by_key[found[0]]
    fields = {str(role): roles[role] for role in _FIELD_ROLES if role in roles}
    # A column mapped to a field replaces the one that has its name, and what plays a role is no
    # second field.
    replaced = {role for role in _FIELD_ROLES if role in mapped}
    never = _GOLD | taken | replaced | {_key(name) for name in roles.values()} | set(hidden)
    fields |= {key: name for key, name in by_key.items() if key not in never}
    return Columns(roles, fields)


def require(names: Collection[str], mapped: Mapping[Role, str], where: str) -> None:
    """Raises BenchError where a mapped column is absent, or no column can be the text."""
    require_mapped(names, mapped, where)
    keys = {_key(name) for name in names}
    free = keys - {_key(name) for name in mapped.values()}
    if not any(key in mapped or key in free for key in TEXT_FIELDS):
        raise BenchError(
            f"no title, abstract or text column; columns found: {listed(names)}",
            where=where,
            todo='name them in the suite: [dataset.columns] title = "…" and abstract = "…"',
        )


def require_mapped(names: Collection[str], mapped: Mapping[Role, str], where: str) -> None:
    """Raises BenchError where a mapped column is absent."""
    keys = {_key(name) for name in names}
    for role, name in mapped.items():
        if _key(name) not in keys:
            close = difflib.get_close_matches(_key(name), keys, n=1)
            hint = f"did you mean {shown(close[0])}? " if close else ""
            raise BenchError(
                f"no column {shown(name)} for the {role}; columns found: {listed(names)}",
                where=where,
                todo=f"{hint}correct [dataset.columns] in the suite",
            )


def listed(names: Collection[str]) -> str:
    """Column names for a message."""
    cut = [shown(name) for name in names][:_MAX_NAMES_SHOWN]
    more = len(names) - len(cut)
    return ", ".join(cut) + (f" and {more} more" if more else "")


def _key(name: str) -> str:
    return name.strip().lower()
