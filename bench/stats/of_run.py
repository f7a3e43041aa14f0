"""Compares the methods of a run once it has ended, and leaves the result for the boards to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from readbench.core.files import write_json
from readbench.core.seeds import derived_seed
from readbench.results.leaderboard import cells_by_method
from readbench.results.manifest import RunCell, RunTask
from readbench.results.record import Value
from readbench.results.statistics_file import STATISTICS
from readbench.results.store import Store
from readbench.text.normalise import version_in

if TYPE_CHECKING:
    from readbench.results.samples import Sample
    from readbench.stats.ranking import Comparison
    from readbench.stats.resampling import Floats


def write_statistics(folder: Path, store: Store) -> None:
    """Per task: every method against every other on the primary metric, paired by document, and the joint
    numbers of methods that ran on several folds or with several seeds.

    Writes ``statistics.json`` with the digests of the predictions that it was computed from.
    """
    from readbench.results.samples import load_sample
    from readbench.tasks.spec import TaskSpec

    manifest = store.manifest(folder.name)
    results: dict[str, Any] = {}
    for task, settings in manifest.tasks.items():
        spec = TaskSpec.model_validate(settings.spec)
        cells = cells_by_method(manifest, task)
        whole = {name: of_one for name, of_one in cells.items() if all(c.status == "ok" for c in of_one)}
        if not whole:
            continue
        samples = {name: load_sample(store, spec, of_one) for name, of_one in whole.items()}
        results[task] = compare_samples(samples, settings, manifest.seed).to_json() | {
            "metric": settings.primary,
            "one_seed": [name for name, sample in samples.items() if sample.one_seed],
            "predictions": {
                name: [_predictions(store, cell) for cell in of_one] for name, of_one in whole.items()
            },
            "detectable": _detectable(samples, settings),
            "joint": {
                name: {metric: value.model_dump() for metric, value in joint.items()}
                for name, of_one in whole.items()
                if len(of_one) > 1 and (joint := _joint(samples[name], store, of_one))
            },
        }
    write_json(folder / STATISTICS, results)


def compare_samples(samples: Mapping[str, Sample], settings: RunTask, seed: int) -> Comparison:
    """All pairs of methods on the primary metric of a task. A metric that is a mean of documents, or has a
    value per document, is compared by flipping signs; one of the whole sample by resampling documents. The
    spread of stochastic methods over seeds counts too; of one with one seed no verdict is given. So does what
    other training documents would change, where folds share them."""
    import numpy as np

    from readbench.stats.ranking import compare_all, compare_replicates
    from readbench.stats.resampling import bootstrap, resamples_needed
    from readbench.tasks.metric import OfSample, find_metric

    first = next(iter(samples.values()))
    metric = find_metric(first.metrics, settings.primary)
    seed = derived_seed(seed, "compare", settings.split_hash)
    better = metric.higher_is_better
    overlap = shared_training(settings.folds, settings.documents)
    seeds = {name: sample.per_seed(metric.id) for name, sample in samples.items() if sample.stochastic}
    if not isinstance(metric.aggregate, OfSample):
        values = {name: sample.values(metric.id) for name, sample in samples.items()}
        return compare_all(values, better, seed, seeds=seeds, overlap=overlap)
    place = first.metrics.index(metric)
    points = {name: float(sample.numbers()[place]) for name, sample in samples.items()}

    def of_methods(weights: Floats) -> Floats:
        # Each chunk of resamples is drawn once for all methods.
        drawn = [sample.resampled(weights, {metric.id})[:, place] for sample in samples.values()]
        return np.column_stack(drawn)

    resamples = resamples_needed(len(samples))
    table = bootstrap(len(first.ids), of_methods, resamples=resamples, seed=seed)
    replicates = dict(zip(samples, table.T, strict=True))
    return compare_replicates(
        points,
        replicates,
        better,
        seed,
        documents=len(first.ids),
        seeds=seeds,
        overlap=overlap,
    )


def _detectable(samples: Mapping[str, Sample], settings: RunTask) -> float | None:
    """How large a difference of two methods must be to be found; None where that cannot be told."""
    from readbench.stats.differences import gaps, smallest_detectable

    try:
        found = gaps(samples, settings.primary, shared_training(settings.folds, settings.documents))
    except ValueError:  # they were not tested on the same documents
        return None
    return smallest_detectable(found)


def shared_training(folds: int, documents: Mapping[str, int]) -> float:
    """What the variance of a difference over test documents is multiplied with where folds share training
    documents: 1 + folds * test / train (Nadeau & Bengio 2003, doi:10.1023/A:1024068626366, section 4: 1 /
    folds becomes 1 / folds + test / train). 1 of a single fold, and where nothing is learned from.
    ``documents``: of one fold by part."""
    train = documents.get("train", 0)
    if folds < 2 or not train:
        return 1.0
    return 1.0 + folds * documents.get("test", 0) / train


def _joint(sample: Sample, store: Store, cells: Sequence[RunCell]) -> dict[str, Value]:
    """Each metric on all test documents of the folds, averaged over the repeats, with its interval, and
    its standard deviation over the cells."""
    import numpy as np

    from readbench.stats.intervals import intervals_of

    numbers = sample.numbers()
    intervals = intervals_of(sample.repeats)
    counts = sample.repeats[0].counts()
    records = [record for cell in cells if (record := store.record(cell.key)) is not None]
    language = str(records[0].task.get("language", "en")) if records else "en"
    joint = {}
    for i, metric in enumerate(sample.metrics):
        alone = [r.metrics[metric.id].value for r in records if metric.id in r.metrics]
        known = [value for value in alone if value is not None]
        defined = bool(counts[i]) and not np.isnan(numbers[i])
        joint[metric.id] = Value(
            value=float(numbers[i]) if defined else None,
            low=intervals[i].low,
            high=intervals[i].high,
            reason=intervals[i].reason,
            n=int(counts[i]),
            higher_is_better=metric.higher_is_better,
            version=version_in(metric.version, language),
            spread=float(np.std(known, ddof=1)) if len(known) > 1 else None,
        )
    return joint


def _predictions(store: Store, cell: RunCell) -> str | None:
    record = store.record(cell.key)
    return record.predictions_digest if record else None
