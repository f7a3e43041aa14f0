"""Runs many methods for reading scientific papers on the same splits; quality and cost side by side.

From Python::

    import readbench as bench

    frame = bench.run("quick")                       # the leaderboard as a pandas data frame
    frame = bench.run(dataset="papers.csv", methods=["pke.tfidf", "pke.yake"], limit=200)
    frame = bench.leaderboard("keyphrases")          # the newest run of a suite
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from readbench.runs.api import leaderboard as leaderboard
    from readbench.runs.api import run as run

__all__ = ["__version__", "leaderboard", "run"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Lazily: `import readbench` must stay instant for the command line.
    if name in ("leaderboard", "run"):
        from readbench.runs import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
