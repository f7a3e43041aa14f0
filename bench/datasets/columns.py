"""Which column plays which role, and which become fields: the same for every kind of file."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from readbench.core.errors import BenchError
from readbench.datasets.exports import EXPORTS, NO_ABSTRACT, Export, export_of
from readbench.datasets.lines import check_text, shown
from readbench.datasets.options import Role
from readbench.datasets.texts import unwrapped
from readbench.datasets.values import field_text, parts_of_text

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

OTHER_NAMES: Mapping[Role, tuple[str, ...]] = MappingProxyType(
    {
        "title": (
            "article title",
            "document title",
            "paper title",
            "titre",
            "título",
            "titolo",
            "标题",
        ),
        "abstract": (
            *("abstract text", "abstract note", "paper abstract", "article abstract", "résumé", "resumen"),
            *("resumo", "riassunto", "kurzfassung", "摘要"),
        ),
        "keyphrases": (
            "keyword",
            "keyphrase",
            "key words",
            "key phrases",
            "author keywords",
            "author keyword",
            "authors keywords",
            "author supplied keywords",
            "manual tags",
            "tags",
            "mots clés",
            "mots clefs",
            "schlagwörter",
            "schlüsselwörter",
            "palabras clave",
            "palavras chave",
            "parole chiave",
            "słowa kluczowe",
            "trefwoorden",
            "ключевые слова",
            "关键词",
            "关键字",
            "キーワード",
        ),
        "label": ("labels", "class", "class label", "gold label", "标签", "类别"),
        "language": ("lang", "language code", "language of original document"),
    }
)
"""Names by which a column is known where none of ``ALIASES`` is there, words parted by single blanks."""

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
# Words in the name of a column of keyphrases or labels, of whatever database.
_GOLD_WORDS = frozenset(
    {
        *("keyword", "keywords", "keyphrase", "keyphrases", "tags", "mesh", "descriptor", "descriptors"),
        *("thesaurus", "label", "labels", "gold"),
    }
)
_GOLD_NAMES = frozenset((*OTHER_NAMES["keyphrases"], *OTHER_NAMES["label"]))

_EXPORTED = frozenset(name for export in EXPORTS for name in export.roles.values())

_FIELD_ROLES: tuple[Role, ...] = ("title", "abstract", "authors")
_MAX_NAMES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Columns:
    """Column names of a file by role, and by the name of the field that they become. ``hidden`` are those
    that hold gold by their name and become neither; ``export`` is the database that the file came from."""

    roles: Mapping[Role, str]
    fields: Mapping[str, str]
    hidden: tuple[str, ...] = ()
    export: Export | None = None


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
    export = export_of(by_key)
    players = {role: _player(role, by_key, mapped, export, where) for role in ALIASES}
    roles = {role: by_key[key] for role, key in players.items() if key is not None}
    fields = {str(role): roles[role] for role in _FIELD_ROLES if role in roles}
    # A column mapped to a field replaces the one that has its name, and what plays a role is no
    # second field.
    replaced = {role for role in _FIELD_ROLES if role in mapped}
    taken = {_key(name) for name in mapped.values()} | {_key(name) for name in roles.values()}
    gold = {key for key, name in by_key.items() if key not in taken and _is_gold(key, name, export)}
    never = gold | taken | replaced | set(hidden)
    fields |= {key: name for key, name in by_key.items() if key not in never}
    return Columns(roles, fields, tuple(by_key[key] for key in by_key if key in gold - set(hidden)), export)


def _player(
    role: Role, keys: Mapping[str, str], mapped: Mapping[Role, str], export: Export | None, where: str
) -> str | None:
    """The column that plays a role, in lower case: the mapped one; else that of the database; else the one of
    the usual names, else of the other names. Raises BenchError where several could."""
    if role in mapped:
        return _key(mapped[role]) if _key(mapped[role]) in keys else None
    taken = {_key(name) for name in mapped.values()}
    own = export.roles.get(role) if export else None
    if own in keys and own not in taken:
        return own
    free = [key for key in keys if key not in taken and not (export and key in export.hidden)]
    usual = [key for key in ALIASES[role] if key in free]
    found = usual or [key for key in free if plain_name(keys[key]) in OTHER_NAMES.get(role, ())]
    if len(found) > 1:
        raise BenchError(
            f"columns {' and '.join(found)} could both be the {role}",
            where=where,
            todo=f'say which in the suite: [dataset.columns] {role} = "{found[0]}"',
        )
    return found[0] if found else None


def _is_gold(key: str, name: str, export: Export | None) -> bool:
    if key in _GOLD or (export and (key in export.hidden or key == export.roles.get("keyphrases"))):
        return True
    spellings = {plain_name(name), plain_name(key)}  # "AuthorKeywords" is two words, "MeSH" is one
    return not _GOLD_NAMES.isdisjoint(spellings) or any(
        not _GOLD_WORDS.isdisjoint(spelling.split()) for spelling in spellings
    )


def plain_name(name: str) -> str:
    """The words of a column's name in lower case, parted by single blanks: ``Author_Keywords``."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.sub(r"[\W_]+", " ", parted).strip().lower()


def require(names: Collection[str], mapped: Mapping[Role, str], where: str, fields: Collection[str]) -> None:
    """Raises BenchError where a mapped column is absent, or none of ``fields`` can be the text."""
    require_mapped(names, mapped, where)
    if not any(name in fields for name in TEXT_FIELDS):
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


def names_known(names: Collection[str]) -> int:
    """How many of these are names of columns that play a role or are a text."""
    roles = {name for known in (ALIASES, OTHER_NAMES) for of_role in known.values() for name in of_role}
    return sum(plain_name(name) in roles | set(TEXT_FIELDS) or _key(name) in _EXPORTED for name in names)


def field_texts(row: Mapping[str, object], columns: Columns, where: str) -> dict[str, str]:
    """The texts of a row by field, blank ones left out: each one text whatever its line width. Line ends may
    part the names of authors, so these stay as they are. What databases write in the place of an abstract
    is none.

    Raises BenchError for a title, an abstract or a text that is an object, or a list of other things than
    texts.
    """
    found = {}
    for name, column in columns.fields.items():
        value = row[column]
        text = parts_of_text(value, name, where) if name in TEXT_FIELDS else field_text(value)
        text = text if name == "authors" else unwrapped(text)
        if text.strip() and not (name == "abstract" and text.strip().lower() in NO_ABSTRACT):
            found[name] = text
    return found


def listed(names: Collection[str]) -> str:
    """Column names for a message."""
    cut = [shown(name) for name in names][:_MAX_NAMES_SHOWN]
    more = len(names) - len(cut)
    return ", ".join(cut) + (f" and {more} more" if more else "")


def _key(name: str) -> str:
    return name.strip().lower()
