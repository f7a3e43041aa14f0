"""The answer of ``bench show`` to a program: predictions against gold, document by document."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from readbench.core.errors import BenchError
from readbench.core.types import (
    ExtractedFacts,
    PredictedLabel,
    Prediction,
    RankedPhrases,
    StatedFacts,
    Target,
)
from readbench.report.answers import FailedCell, Shown, ShownDocument
from readbench.report.show import document_of, failed_in, find_cells, read_predictions, records_of, scores_of
from readbench.results.record import Record
from readbench.results.store import Store


def shown(store: Store, run_name: str, method: str, document_id: str | None = None) -> Shown:
    """Every test document of a method of a run, or one; the fields of a document where it was asked for by
    its id. Of a failed method there is the failure alone.

    Raises BenchError as ``show.render_predictions`` does.
    """
    manifest = store.manifest(run_name)
    cells = find_cells(manifest.cells, method, run_name)
    task, name = cells[0].task, cells[0].method
    primary = manifest.tasks[task].primary
    records = records_of(store, cells)
    broken = next((record for record in records if record.status != "ok"), None)
    if broken is not None:
        return Shown(run_name, task, name, primary, _failed(broken), ())
    found = read_predictions(store, cells, records[0])
    scores: dict[str, float] = {}
    for cell in cells:
        scores |= scores_of(store.cell(cell.key), primary)
    test = [document for document in found.documents if document.id in found.predictions]
    if not test:
        raise BenchError("it predicted for no document", where=f"method {name}")
    errors = failed_in(records)
    documents = tuple(
        ShownDocument(
            document.id,
            scores.get(document.id),
            _plain_target(found.targets.get(document.id)),
            _plain_prediction(found.predictions[document.id]),
            dict(document.fields) if document_id is not None else None,
            errors.get(document.id),
        )
        for document in (test if document_id is None else [document_of(test, document_id)])
    )
    return Shown(run_name, task, name, primary, None, documents)


def _failed(record: Record) -> FailedCell:
    failure = record.failure
    if failure is None:
        return FailedCell(record.status, None, None, None, None)
    return FailedCell(record.status, failure.type, failure.message, failure.output, failure.traceback)


def _plain_target(target: Target | None) -> Any:
    return asdict(target) if isinstance(target, StatedFacts) else target


def _plain_prediction(prediction: Prediction) -> dict[str, Any]:
    match prediction:
        case RankedPhrases():
            return {"phrases": list(prediction.phrases), "scores": list(map(float, prediction.scores))}
        case PredictedLabel():
            return {"label": prediction.label, "scores": dict(prediction.scores)}
        case ExtractedFacts():
            return asdict(prediction)
