"""A run's numbers in the schemas by which evaluations are collected: Every Eval Ever, and the Hub's."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from readbench.core.errors import BenchError, MissingDependency
from readbench.results.leaderboard import Leaderboard, Row, Table
from readbench.results.manifest import Manifest
from readbench.results.record import Value, weights_of
from readbench.tasks import get_task
from readbench.tasks.metric import Metric

EVERY_EVAL_EVER = "0.2.1"
"""The version of the schema that ``every_eval_ever`` writes: its ``eval.schema.json``."""


def every_eval_ever(board: Leaderboard, version: str) -> dict[str, dict[str, Any]]:
    """One object a method that ended ok, by a file name; ``version`` is that of this program.

    https://github.com/evaleval/every_eval_ever: ``eval.schema.json``.
    """
    return {
        f"{_file_name(table.task, row.method)}.json": _evaluation(board.manifest, row, version)
        for table in board.tables
        for row in table.rows
        if row.status == "ok"
    }


def _evaluation(manifest: Manifest, row: Row, version: str) -> dict[str, Any]:
    started = row.records[0].started_at
    seconds = _seconds(manifest.finished_at or manifest.started_at)
    return {
        "schema_version": EVERY_EVAL_EVER,
        "evaluation_id": f"{manifest.suite}/{row.method}/{seconds}",
        "evaluation_timestamp": started,
        "retrieved_timestamp": seconds,
        "source_metadata": {
            "source_name": f"bench run {manifest.name}",
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "third_party",
        },
        "eval_library": {
            "name": "bench",
            "version": version,
            "additional_details": _texts(
                {
                    "fingerprint": manifest.fingerprint,
                    "seed": manifest.seed,
                    "machine": manifest.machine.get("fingerprint"),
                    "command": manifest.command,
                }
            ),
        },
        "model_info": {
            "name": row.method,
            "id": f"bench/{row.method}",
            "additional_details": _texts(_ran(row)),
        },
        "evaluation_results": [
            _result(manifest, row, metric, value)
            for metric, value in ((get_task(row.task).metric(name), v) for name, v in row.metrics.items())
            if value.value is not None
        ],
    }


def _ran(row: Row) -> dict[str, Any]:
    """What the method ran with: its parameters, weights and costs."""
    if row.record is None:
        return {}
    params = {f"params.{name}": value for name, value in row.record.params.items()}
    weights = {f"weights.{number}": text for number, text in enumerate(weights_of(row.record))}
    costs = {name: value for name, value in row.costs.model_dump().items() if value is not None}
    return params | weights | costs


def _result(manifest: Manifest, row: Row, metric: Metric, value: Value) -> dict[str, Any]:
    low, high = metric.bounds
    uncertainty: dict[str, Any] = {"num_samples": value.n}
    if value.low is not None and value.high is not None:
        uncertainty["confidence_interval"] = {
            "lower": value.low,
            "upper": value.high,
            "confidence_level": 0.95,
        }
    return {
        "evaluation_name": f"{manifest.suite}/{row.task}/{metric.id}",
        "source_data": _source(manifest),
        "evaluation_timestamp": row.records[0].started_at,
        "metric_config": {
            "evaluation_description": metric.summary,
            "lower_is_better": not metric.higher_is_better,
            "score_type": "continuous",
            "min_score": low,
            "max_score": high,
            "additional_details": {"version": metric.version},
        },
        "score_details": {"score": value.value, "uncertainty": uncertainty},
    }


def _source(manifest: Manifest) -> dict[str, Any]:
    repository = hub_dataset(manifest)
    if repository is not None:
        return {"dataset_name": manifest.dataset, "source_type": "hf_dataset", "hf_repo": repository}
    return {"dataset_name": manifest.dataset, "source_type": "other"}


def hub_dataset(manifest: Manifest) -> str | None:
    """OWNER/NAME of a dataset that was read from the Hub; None for any other."""
    found = re.match(r"hub:([\w.-]+/[\w.-]+)", manifest.dataset_source)
    return None if found is None else found[1]


def hub_results(board: Leaderboard, dataset: str | None = None) -> dict[str, str]:
    """The YAML that a model's repository keeps in ``.eval_results/``, one file a method that ended ok, by a
    file name: its value of each metric of the board. ``dataset``: OWNER/NAME on the Hub, where the run did
    not read it from there.

    https://huggingface.co/docs/hub/eval-results. Raises BenchError where no dataset of the Hub is known, and
    MissingDependency without PyYAML.
    """
    dataset = dataset or hub_dataset(board.manifest)
    if dataset is None:
        raise BenchError(
            "these results belong to a dataset of the Hub, and this run read none",
            where=board.manifest.name,
            todo="name it: --hub-dataset OWNER/NAME",
        )
    try:
        import yaml
    except ImportError as error:
        raise MissingDependency("needs PyYAML", todo="pip install 'readbench[hub]'") from error
    return {
        f"{_file_name(table.task, row.method)}.yaml": yaml.safe_dump(
            _entries(board.manifest, table, row, dataset), sort_keys=False, allow_unicode=True
        )
        for table in board.tables
        for row in table.rows
        if row.status == "ok"
    }


def _entries(manifest: Manifest, table: Table, row: Row, dataset: str) -> list[dict[str, Any]]:
    shown = dict.fromkeys((table.primary, *table.settings.board))
    values = {name: row.metrics[name] for name in shown if name in row.metrics}
    return [
        {
            "dataset": {"id": dataset, "task_id": f"{row.task}/{name}"},
            "value": value.value,
            "date": row.records[0].started_at,
            "notes": f"{row.method}; {value.n} test documents; bench run {manifest.name}",
        }
        for name, value in values.items()
        if value.value is not None
    ]


def _file_name(task: str, method: str) -> str:
    return re.sub(r"[^\w.-]+", "-", f"{task}-{method}").strip("-")


def _texts(details: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in details.items() if value is not None}


def _seconds(moment: str) -> str:
    return str(datetime.fromisoformat(moment).timestamp())
