"""The one error class a user ever sees: what is wrong, where, and what to do about it."""

LONGEST = 800
"""Characters of a message. It may quote what stands in a file, which may be of any length."""


class BenchError(Exception):
    """A problem that its reader can act on, told in one line.

    ``exit_status`` is what the command line exits with: 2 for wrong use or bad input (the
    default), 3 where nothing could be measured. Breaks of lines in the three texts become blanks, and each is
    cut in its middle where it is longer than ``LONGEST``.
    """

    def __init__(self, what: str, *, where: str = "", todo: str = "", exit_status: int = 2) -> None:
        self.what = _cut(what)
        self.where = _cut(where)
        self.todo = _cut(todo)
        self.exit_status = exit_status
        line = f"{self.where}: {self.what}" if where else self.what
        super().__init__(f"{line}; {self.todo}" if self.todo else line)


class MissingDependency(BenchError):
    """A library or a model that a method needs is not here; ``todo`` is the line that brings it."""


class Note(UserWarning):
    """Something that stops nothing and that a reader should know. The command line prints it as one line."""


class DamagedFile(Note):
    """A file of the results folder cannot be read, and counts as absent."""


def _cut(text: str) -> str:
    # What stands in a file may hold any break of lines: U+2028 is one as well.
    text = " ".join(filter(None, map(str.strip, text.splitlines())))
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST // 2]} … {text[-LONGEST // 4 :]}"
