"""How a run was measured: what it read, on which machine, with which versions, and how to repeat it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from readbench.core.units import show_seconds, show_size
from readbench.report.words import documents_of_parts
from readbench.results.leaderboard import Leaderboard, Table
from readbench.results.manifest import Manifest
from readbench.results.record import Record, weights_of

Facts = list[tuple[str, str]]


def provenance(board: Leaderboard) -> list[tuple[str, Facts]]:
    """Groups of facts, each with a heading; a fact is a name and what it is."""
    manifest = board.manifest
    records = [row.record for table in board.tables for row in table.rows if row.record is not None]
    groups = [
        ("The run", _run(manifest)),
        ("The documents", _documents(manifest)),
        *((f"The split: {table.task}", _split(table, manifest)) for table in board.tables),
        ("The machine", _machine(manifest, records)),
        ("Versions", _versions(records)),
        ("Weights", _weights(records)),
    ]
    return [(heading, facts) for heading, facts in groups if facts]


def _run(manifest: Manifest) -> Facts:
    version = f", version {manifest.suite_version}" if manifest.suite_version is not None else ""
    facts = [
        ("run", manifest.name),
        ("suite", f"{manifest.suite}{version}"),
        ("digest of the suite", manifest.suite_digest),
        ("command", manifest.command),
        ("started", manifest.started_at),
        ("ended", f"{manifest.finished_at or '–'}, {manifest.status}"),
        ("took", show_seconds(manifest.wall_s)),
        ("seed", str(manifest.seed)),
        ("cells", _cells(manifest)),
        ("limits of a cell", f"{show_seconds(manifest.timeout_s)}, {show_size(manifest.memory_bytes)}"),
        ("cells at once", str(manifest.workers)),
    ]
    if manifest.trials:
        facts.append(("parameters tried on validation", f"{len(manifest.trials)} combinations"))
    return facts


def _cells(manifest: Manifest) -> str:
    reused = sum(cell.reused for cell in manifest.cells)
    return f"{len(manifest.cells)}, {reused} of them measured in earlier runs"


def _documents(manifest: Manifest) -> Facts:
    facts = [
        ("dataset", manifest.dataset),
        ("source", manifest.dataset_source),
        ("fingerprint", manifest.fingerprint),
    ]
    if manifest.limit:
        facts.append(("sample", f"{manifest.limit} documents, drawn with the seed"))
    facts += [("reading option", f"{name}: {value}") for name, value in manifest.reading.items()]
    facts += [("decided while reading", decision.sentence()) for decision in manifest.decisions]
    counts = [("left out", manifest.left_out), ("remark", manifest.remarks)]
    facts += [(name, f"{count} {what}") for name, found in counts for what, count in found.items()]
    return facts


def _split(table: Table, manifest: Manifest) -> Facts:
    settings = table.settings
    options = ", ".join(f"{name} {value}" for name, value in settings.split.items() if value is not None)
    facts = [
        ("documents", documents_of_parts(table)),
        ("options", options or "–"),
        ("hash", settings.split_hash),
        ("primary metric", settings.primary),
        ("version of the metric", _version(table)),
        ("fields that methods read", ", ".join(settings.spec.get("fields") or ()) or "–"),
        (
            "near-duplicates",
            f"{settings.near_duplicates}, {settings.near_duplicates_across} across the split",
        ),
    ]
    repeats = {cell.repeat for cell in manifest.cells if cell.task == table.task}
    if len(repeats) > 1:
        facts.append(("seeds of methods with training noise", str(len(repeats))))
    facts += [("the audit found", warning) for warning in settings.warnings]
    if not settings.warnings:
        facts.append(("the audit found", "nothing that makes these scores doubtful"))
    return facts


def _version(table: Table) -> str:
    values = (row.metrics.get(table.primary) for row in table.rows)
    return next((value.version for value in values if value is not None), "–")


def _machine(manifest: Manifest, records: Sequence[Record]) -> Facts:
    facts = [(name.replace("_", " "), _plain(value)) for name, value in manifest.machine.items()]
    loads = [record.processor.load_average for record in records if record.processor is not None]
    if loads:
        facts.append(("load while measuring", f"{min(loads):.1f} to {max(loads):.1f} processes"))
    if manifest.reference_workload_s is not None:
        facts.append(("a fixed piece of work took", f"{manifest.reference_workload_s:.3f} s"))
    facts.append(("threads of a cell", _all(str(record.threads) for record in records)))
    facts.append(("devices", _all(record.device for record in records)))
    return facts


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {inner}" for name, inner in value.items()) or "–"
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value)) or "–"
    return "–" if value is None else str(value)


def _all(values: Iterable[str]) -> str:
    return ", ".join(sorted(set(values))) or "–"


def _versions(records: Sequence[Record]) -> Facts:
    found: dict[str, set[str]] = {}
    for record in records:
        for name, version in record.versions.items():
            found.setdefault(name, set()).add(version)
    return [(name, ", ".join(sorted(versions))) for name, versions in sorted(found.items())]


def _weights(records: Sequence[Record]) -> Facts:
    users: dict[str, list[str]] = {}
    for record in records:
        for weights in weights_of(record):
            digest = weights.get("sha256", "?")
            name = f"{weights.get('name', '?')} ({weights.get('source', '?')}), SHA-256 {digest}"
            users.setdefault(name, []).append(record.method)
        for name, owner in record.weights.items():
            users.setdefault(f"{name} ({owner})", []).append(record.method)
    return [(name, ", ".join(dict.fromkeys(methods))) for name, methods in users.items()]
