"""The one error class a user ever sees: what is wrong, where, and what to do about it."""


class BenchError(Exception):
    """A problem that its reader can act on, told in one line.

    ``exit_status`` is what the command line exits with: 2 for wrong use or bad input (the
    default), 3 where nothing could be measured.
    """

    def __init__(self, what: str, *, where: str = "", todo: str = "", exit_status: int = 2) -> None:
        self.what = what
        self.where = where
        self.todo = todo
        self.exit_status = exit_status
        line = f"{where}: {what}" if where else what
        super().__init__(f"{line}; {todo}" if todo else line)


class MissingDependency(BenchError):
    """A library or a model that a method needs is not here; ``todo`` is the line that brings it."""


class DamagedFile(UserWarning):
    """A file of the results folder cannot be read, and counts as absent."""
