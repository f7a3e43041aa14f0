"""A board as a data frame that shows itself in a notebook."""

from __future__ import annotations

from typing import ClassVar

import pandas as pd

from readbench.report.markup import flat_rows
from readbench.results.leaderboard import Leaderboard


class BoardFrame(pd.DataFrame):
    """One row a method, as ``flat_rows`` has it; ``attrs["run"]`` is the run's folder. A notebook shows the
    board of the run in its place; what is selected or computed from it is a plain data frame."""

    _metadata: ClassVar[list[str]] = ["board"]
    board: Leaderboard

    def _repr_html_(self) -> str:
        from readbench.report.page import render_board

        return render_board(self.board)


def as_frame(board: Leaderboard) -> BoardFrame:
    """The whole board as a data frame."""
    frame = BoardFrame(flat_rows(board))
    frame.board = board
    frame.attrs["run"] = str(board.folder)
    return frame
