"""Compares the methods of a run once it has ended, and leaves the result for the boards to read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from readbench.board import STATISTICS
from readbench.splits import derived_seed
from readbench.store import Store, write_json


def write_statistics(folder: Path, store: Store) -> None:
    """Per task: every method against every other on the primary metric, paired by document.

    Writes ``statistics.json`` with the digests of the predictions that it was computed from; if they
    are those of an earlier run of this folder, nothing is computed again.
    """
    import numpy as np

    from readbench.engine.scoring import SCORES, read_scores
    from readbench.stats import compare_all
    from readbench.tasks import get_task

    manifest = store.manifest(folder.name)
    results: dict[str, Any] = {}
    for task, settings in manifest.tasks.items():
        columns: dict[str, Any] = {}
        digests: dict[str, str | None] = {}
        order: list[str] | None = None
        for cell in manifest.cells:
            if cell.task != task or cell.status != "ok":
                continue
            by_id = read_scores(store.cell(cell.key) / SCORES, settings.primary)
            order = order or sorted(by_id)
            columns[cell.method] = np.array([by_id[id_] for id_ in order])
            record = store.record(cell.key)
            digests[cell.method] = record.predictions_digest if record else None
        if not columns:
            continue
        higher = get_task(task).metric(settings.primary).higher_is_better
        seed = derived_seed(manifest.seed, "compare", manifest.split_hash)
        comparison = compare_all(columns, higher_is_better=higher, seed=seed)
        results[task] = comparison.to_json() | {"metric": settings.primary, "predictions": digests}
    write_json(folder / STATISTICS, results)
