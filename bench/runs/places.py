"""Where the cells of a run are carried out, if not on this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from readbench.core.digests import digest
from readbench.core.errors import BenchError
from readbench.engine.elsewhere import Cluster, Elsewhere
from readbench.planning.checking import CheckedSuite
from readbench.planning.plan import Options, Plan
from readbench.results.manifest import Manifest
from readbench.results.store import Store


@dataclass(frozen=True)
class Submitted:
    """A run whose cells a cluster carries out while nobody waits: its name, how many cells and preparations
    are not done, and how many of these the cluster has not taken yet."""

    name: str
    jobs: int
    refused: int


@dataclass(frozen=True)
class Place:
    """A cluster, and whether somebody waits for what it does."""

    cluster: Cluster
    detach: bool = False

    def options(self, options: Options) -> Options:
        """The options of a run that is carried out here. Raises BenchError for one that has no sense here."""
        if options.workers > 1:
            raise BenchError(
                "--workers counts the cells on this machine",
                where=f"--executor {self.cluster.name}",
                todo="write --array-limit",
            )
        if options.shards > 1:
            raise BenchError(
                "--shards are processes on this machine",
                where=f"--executor {self.cluster.name}",
                todo="leave it out",
            )
        return replace(options, elsewhere=True, gpus_per_cell=self.cluster.gpus_per_cell)

    def check(self, checked: CheckedSuite) -> None:
        """Raises BenchError where a run cannot be detached: what chooses parameters must end first."""
        if self.detach and checked.tunes:
            raise BenchError(
                "parameters are chosen first, from what has been measured then",
                where="--detach",
                todo="leave it out, and start the command with nohup or in tmux",
            )

    def of(self, folder: Path, say: Callable[[str], None]) -> Elsewhere:
        """What carries out the plan in a folder."""
        return Elsewhere(self.cluster, folder, detach=self.detach, say=say)


def is_submitted(manifest: Manifest) -> bool:
    """Whether a run goes on while no process waits for it."""
    return manifest.status == "running" and manifest.lease is None


def submitted_run(plan: Plan, store: Store) -> str | None:
    """The newest run that was submitted, is not finished, and has the cells of this plan: it goes on under
    its name."""
    suite = digest(plan.suite.model_dump(mode="json"))
    keys = {cell.key for cell in plan.cells}
    for name in store.runs():
        try:
            manifest = store.manifest(name)
        except BenchError:  # whoever lists runs is told
            continue
        same = manifest.suite_digest == suite and {cell.key for cell in manifest.cells} == keys
        if same and is_submitted(manifest):
            return name
    return None
