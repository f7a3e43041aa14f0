"""One function for each medium that text of data, methods and models is written to: a terminal, Markdown,
HTML, data in a script, XML, commands of a CI, a spreadsheet.

Such text may hold what the medium would obey, and none of it must take effect.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

REPLACEMENT = "\ufffd"

# Texts, which are compiled where they are first needed: `bench --help` needs none of them.
_OBEYED = (
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, but tab and line feed
    "\u2028\u2029"  # separators of lines and paragraphs
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # the direction of writing
    "\ud800-\udfff]"  # halves of surrogate pairs
)
_CI_COMMAND = r"::(?=[A-Za-z0-9_-]+(?:[ \t][^\n]*?)?::)"
_CI_MARK = r"##(?=\w*\[)"


def for_terminal(text: str) -> str:
    """For a terminal and a CI's log: control characters, which can clear a screen or set a window's title,
    become U+FFFD. What begins a workflow command of a CI (``::error …::``, ``##[…]``, ``##vso[…]``) gets a
    blank for its second mark, wherever it stands: a line may be broken just before it. Line feeds and tabs
    stay, and so does the width in columns."""
    text = re.sub(_OBEYED, REPLACEMENT, text.replace("\r\n", "\n"))
    return re.sub(_CI_MARK, "# ", re.sub(_CI_COMMAND, ": ", text))


def json_text(value: object, *, indent: int | None = 1, default: Callable[[Any], Any] | None = None) -> str:
    """JSON to read and to print: letters stand as they are, what a terminal would obey is ``\\uXXXX``."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=default)
    return re.sub(_OBEYED, lambda found: f"\\u{ord(found[0]):04x}", text)


def one_line(text: str) -> str:
    """The text with each run of white space as one blank."""
    return " ".join(text.split())


_MARKUP = r"[\\`*\[\]~#]|(?<![^\W_])_|_(?![^\W_])"
"""What would be markup. An underscore within a word is not: ``peak_memory_bytes`` stays as it is."""
_MENTION = r"(?<!\w)@(?=\w)"
_ADDRESS = r"(?i)\b(https?|ftp)://|\bwww\."


def for_markdown(text: str) -> str:
    """Plain text on one line of Markdown: no markup, HTML, link, image or @name takes effect."""
    import html

    text = html.escape(one_line(for_terminal(text)), quote=False)
    text = re.sub(_MARKUP, r"\\\g<0>", text)
    text = re.sub(_ADDRESS, lambda found: f"{found[0][:3]}<!-- -->{found[0][3:]}", text)
    return re.sub(_MENTION, "@<!-- -->", text)


def markdown_code(text: str) -> str:
    """A code span: nothing in it is markup, and it ends at as many backticks as it began with."""
    text = one_line(for_terminal(text))
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    padding = " " if "`" in text else ""
    return f"{fence}{padding}{text}{padding}{fence}"


def markdown_table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()
) -> list[str]:
    """The lines of a table whose cells are Markdown already; a bar in a cell does not end it. ``right``: the
    places of the columns that are aligned to the right."""
    rules = [" ---: |" if place in right else " --- |" for place in range(len(head))]
    bars = (" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows)
    return [f"| {' | '.join(head)} |", f"|{''.join(rules)}", *(f"| {row} |" for row in bars)]


def html_code(text: str) -> str:
    """An element ``code`` on one line."""
    import html

    return f"<code>{html.escape(one_line(for_terminal(text)), quote=False)}</code>"


def for_html(text: str) -> str:
    """For the text and the attributes of an HTML or SVG element: nothing in it is markup, and no character
    changes the direction of what stands beside it."""
    import html

    return html.escape(re.sub(_OBEYED, REPLACEMENT, text.replace("\r\n", "\n")))


def for_script(value: object) -> str:
    """JSON for a ``script`` element that holds data. Only ``<`` can end such an element or begin a comment in
    it, and JSON has ``\\u003c`` for it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    text = re.sub(_OBEYED, lambda found: f"\\u{ord(found[0]):04x}", text)
    return text.replace("<", "\\u003c")


_NO_XML = "[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"


def for_xml(text: str) -> str:
    """Without the characters that XML cannot write (https://www.w3.org/TR/xml/#charsets). Whoever writes the
    XML escapes the rest."""
    return re.sub(_NO_XML, REPLACEMENT, text)


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
} | {mark: f"\\{mark}" for mark in "{}$&#%_"}


def for_latex(text: str) -> str:
    """Plain text on one line of LaTeX: no command, comment or column takes effect."""
    return "".join(_LATEX.get(mark, mark) for mark in one_line(for_terminal(text)))


def ci_command(level: str, title: str, message: str) -> str:
    """A workflow command of GitHub Actions.

    https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """

    def data(text: str) -> str:
        return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

    properties = data(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={properties}::{data(message)}"


_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def for_spreadsheet(text: str) -> str:
    """A cell of a CSV file. A spreadsheet takes what begins like a formula for one, and a formula can start a
    program; an apostrophe before it makes it text. Numbers stay as they are.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    import unicodedata

    folded = unicodedata.normalize("NFKC", text[:1])
    if folded not in _FORMULA or _is_number(text):
        return text
    return f"'{text}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
