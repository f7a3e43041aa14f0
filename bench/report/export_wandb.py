"""A run for Weights & Biases: folders on disk, which its own program sends when somebody wants that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from readbench.core.errors import MissingDependency
from readbench.core.files import cannot_write
from readbench.report.export import finite_numbers
from readbench.results.leaderboard import Leaderboard, Row


def to_wandb(board: Leaderboard, folder: Path) -> list[Path]:
    """Writes one folder ``wandb/offline-run-*`` a method below ``folder``. The suite is a project, the run a
    group in it; metrics and costs are the summary of a method, its parameters the configuration. Nothing is
    sent: ``wandb sync FOLDER`` does that. Returns the folders.

    https://docs.wandb.ai: "Run wandb offline". Raises MissingDependency where the package is not installed,
    and BenchError where the folder cannot be written.
    """
    try:
        import wandb
    except ImportError as error:
        raise MissingDependency("needs wandb", todo="pip install 'readbench[wandb]'") from error
    try:
        # The library writes somewhere else where it may not write here, and says so only in its log.
        (folder / "wandb").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    # What it would add by itself: the machine's name, the repository, the environment, a sample of the load.
    settings = wandb.Settings(
        mode="offline",
        silent=True,
        console="off",
        host="unknown",
        disable_git=True,
        disable_code=True,
        disable_job_creation=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
    )
    return [_written(wandb, settings, board, row, folder) for table in board.tables for row in table.rows]


def _written(wandb: Any, settings: Any, board: Leaderboard, row: Row, folder: Path) -> Path:
    manifest = board.manifest
    about = {
        "run": manifest.name,
        "suite_version": manifest.suite_version,
        "dataset": manifest.dataset,
        "fingerprint": manifest.fingerprint,
        "machine": manifest.machine,
        "task": row.task,
        "method": row.method,
        "params": row.record.params if row.record else {},
    }
    run = wandb.init(
        project=f"bench-{manifest.suite}",
        group=manifest.name,
        job_type=row.task,
        name=row.method,
        tags=[row.status],
        config=about,
        dir=str(folder),
        settings=settings,
    )
    place = Path(run.settings.sync_dir)
    run.summary.update({"status": row.status, **finite_numbers(row)})
    if row.ranks:
        run.summary.update({"rank_best": row.ranks[0], "rank_worst": row.ranks[1]})
    run.finish(exit_code=0 if row.status == "ok" else 1)
    return place
