"""A run's numbers in the formats of other tools: pytest-benchmark, github-action-benchmark, MLflow."""

from __future__ import annotations

import math
import platform
import re
from collections.abc import Mapping, Sequence
from statistics import mean, median, quantiles, stdev
from typing import Any

from readbench.core.errors import MissingDependency
from readbench.results.cost_table import COST_TABLE, Unit
from readbench.results.leaderboard import Leaderboard, Row
from readbench.results.manifest import Manifest

LIKE = "5.0.0"
"""The version of pytest-benchmark whose JSON this is."""


UNITS: Mapping[Unit, str] = {
    "seconds": "s",
    "bytes": "bytes",
    "documents a second": "docs/s",
    "share": "share",
    "money": "price",
    "tokens": "tokens",
    "requests": "requests",
}
"""The units of costs as the charts of github-action-benchmark name them."""


def pytest_benchmark(board: Leaderboard) -> dict[str, Any]:
    """What ``pytest-benchmark compare`` reads: one benchmark a method, with the seconds per test document as
    its time and one round a cell. What is known of quality and memory stands in ``extra_info``.

    https://pytest-benchmark.readthedocs.io: "Comparing past runs".
    """
    manifest = board.manifest
    return {
        "machine_info": _machine_info(manifest.machine),
        # A run does not know which commit it measured: the fields say so.
        "commit_info": {
            "id": "unknown",
            "time": manifest.started_at,
            "author_time": manifest.started_at,
            "dirty": False,
            "project": "bench",
            "branch": "(unknown)",
            "error": "a run keeps source digests, not a commit",
        },
        "benchmarks": [
            _benchmark(manifest, row, rounds) for row in _ok(board) if (rounds := _seconds_per_document(row))
        ],
        "datetime": manifest.started_at,
        "version": LIKE,
    }


def _machine_info(machine: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "node": "",
        "processor": machine.get("cpu"),
        "machine": machine.get("architecture"),
        "python_compiler": "",
        "python_implementation": platform.python_implementation(),
        "python_implementation_version": machine.get("python"),
        "python_version": machine.get("python"),
        "python_build": [],
        "release": "",
        "system": machine.get("system"),
        "cpu": {"count": machine.get("cores"), "brand_raw": machine.get("cpu")},
        "fingerprint": machine.get("fingerprint"),
    }


def _seconds_per_document(row: Row) -> list[float]:
    """What each cell took for one more document, everything loaded (cells,)."""
    return [1 / rate for record in row.records if (rate := record.costs.documents_per_s_marginal)]


def _benchmark(manifest: Manifest, row: Row, rounds: Sequence[float]) -> dict[str, Any]:
    return {
        "group": f"{manifest.suite}/{row.task}",
        "name": row.method,
        "fullname": f"{manifest.suite}::{row.task}::{row.method}",
        "params": row.record.params if row.record else {},
        "param": None,
        "extra_info": {
            "unit": "seconds per document",
            "metrics": {name: value.value for name, value in row.metrics.items()},
            "costs": row.costs.model_dump(mode="json"),
            "documents": manifest.tasks[row.task].tested,
        },
        "options": {
            "disable_gc": False,
            "timer": "perf_counter",
            "min_rounds": len(rounds),
            "max_time": manifest.timeout_s,
            "min_time": 0.0,
            "warmup": True,
        },
        "stats": _stats(rounds),
    }


def _stats(rounds: Sequence[float]) -> dict[str, Any]:
    q1, _, q3 = quantiles(rounds, n=4, method="inclusive") if len(rounds) > 1 else [rounds[0]] * 3
    spread = stdev(rounds) if len(rounds) > 1 else 0.0
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    inside = [value for value in rounds if low <= value <= high]
    outside = len(rounds) - len(inside)
    far = sum(abs(value - mean(rounds)) > spread for value in rounds) if spread else 0
    return {
        "min": min(rounds),
        "max": max(rounds),
        "mean": mean(rounds),
        "stddev": spread,
        "rounds": len(rounds),
        "median": median(rounds),
        "iqr": q3 - q1,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": outside,
        "stddev_outliers": far,
        "outliers": f"{far};{outside}",
        "ld15iqr": min(inside),
        "hd15iqr": max(inside),
        "ops": 1 / mean(rounds),
        "total": sum(rounds),
        "data": list(rounds),
        "iterations": 1,
    }


def github_action_benchmark(board: Leaderboard) -> dict[str, list[dict[str, Any]]]:
    """Two files by name, as the action knows but one direction a file: ``customBiggerIsBetter`` with quality
    and throughput, ``customSmallerIsBetter`` with seconds, bytes and errors.

    https://github.com/benchmark-action/github-action-benchmark: "Custom benchmark result".
    """
    files: dict[str, list[dict[str, Any]]] = {"bigger-is-better.json": [], "smaller-is-better.json": []}

    def add(bigger: bool, name: str, unit: str, value: float, spread: str = "") -> None:
        entry: dict[str, Any] = {"name": name, "unit": unit, "value": value}
        if spread:
            entry["range"] = spread
        files["bigger-is-better.json" if bigger else "smaller-is-better.json"].append(entry)

    for table in board.tables:
        shown = dict.fromkeys((table.primary, *table.settings.board))
        for row in (row for row in table.rows if row.status == "ok"):
            # A method may do several tasks: a name that comes twice would be one series.
            name = f"{board.manifest.suite}/{row.task}/{row.method}"
            for metric in shown:
                value = row.metrics.get(metric)
                if value is None or value.value is None:
                    continue
                half = (
                    "" if value.low is None or value.high is None else f"{(value.high - value.low) / 2:.4f}"
                )
                add(value.higher_is_better, f"{name}/{metric}", "score", value.value, half)
            for cost in COST_TABLE.values():
                taken = getattr(row.costs, cost.name)
                if cost.tracked and taken is not None:
                    add(cost.higher_is_better, f"{name}/{cost.name}", UNITS[cost.unit], taken)
    return files


def to_mlflow(board: Leaderboard, tracking_uri: str | None = None) -> str:
    """Logs a run to MLflow: the suite is an experiment, the run a run in it, each method a run within.
    Metrics and costs become metrics, spec and parameters parameters, what was compared on tags.
    Returns the id of the outer run.

    Raises MissingDependency where MLflow is not installed.
    """
    try:
        from mlflow.entities import Metric, Param, RunTag
        from mlflow.tracking import MlflowClient
    except ImportError as error:
        raise MissingDependency("needs mlflow", todo="pip install 'readbench[mlflow]'") from error
    manifest = board.manifest
    client = MlflowClient(tracking_uri=tracking_uri)
    name = f"bench/{manifest.suite}"
    known = client.get_experiment_by_name(name)
    experiment = known.experiment_id if known is not None else client.create_experiment(name)
    shared = {
        "bench.run": manifest.name,
        "bench.suite_version": str(manifest.suite_version),
        "bench.dataset": manifest.dataset,
        "bench.fingerprint": manifest.fingerprint,
        "bench.machine": str(manifest.machine.get("fingerprint")),
    }
    outer = client.create_run(experiment, run_name=manifest.name, tags=shared)
    for table in board.tables:
        for row in table.rows:
            tags = shared | {
                "mlflow.parentRunId": outer.info.run_id,
                "bench.task": row.task,
                "bench.status": row.status,
            }
            inner = client.create_run(experiment, run_name=row.method, tags=tags)
            metrics = [
                Metric(_key(key), value, _milliseconds(row), 0) for key, value in finite_numbers(row).items()
            ]
            params = {"method": row.method, **(row.record.params if row.record else {})}
            client.log_batch(
                inner.info.run_id,
                metrics=metrics,
                params=[Param(_key(name), str(value)[:6000]) for name, value in params.items()],
                tags=[RunTag("bench.ranks", str(row.ranks))] if row.ranks else [],
            )
            client.set_terminated(inner.info.run_id, "FINISHED" if row.status == "ok" else "FAILED")
    client.set_terminated(outer.info.run_id, "FINISHED")
    return str(outer.info.run_id)


def mlflow_place(tracking_uri: str | None) -> str:
    """Where ``to_mlflow`` writes: a server, or a file in the current folder where nothing was said."""
    import mlflow

    return tracking_uri or mlflow.get_tracking_uri()


def finite_numbers(row: Row) -> dict[str, float]:
    """Every metric and cost of a row that is a number, by its name."""
    numbers = {name: value.value for name, value in row.metrics.items() if value.value is not None}
    for name in COST_TABLE:
        if (taken := getattr(row.costs, name)) is not None:
            numbers[name] = taken
    return {name: float(value) for name, value in numbers.items() if math.isfinite(value)}


def _key(name: str) -> str:
    """MLflow's names know no @: ``f1@10`` is ``f1_at_10``."""
    return re.sub(r"[^\w\-. /]", "_", name.replace("@", "_at_"))


def _milliseconds(row: Row) -> int:
    from datetime import datetime

    started = row.records[0].started_at if row.records else "1970-01-01T00:00:00+00:00"
    return int(datetime.fromisoformat(started).timestamp() * 1000)


def _ok(board: Leaderboard) -> list[Row]:
    return [row for table in board.tables for row in table.rows if row.status == "ok"]
