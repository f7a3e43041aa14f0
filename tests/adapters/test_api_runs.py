"""Whole runs of a model behind an API: what they cost, what they keep, and where the key is not."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from api_server import Misbehave, Stub, serving
from bench_process import Bench

pytest.importorskip("openai", reason="needs the extra api")

SECRET = "sk-never-to-be-seen-1234567890"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def suite(folder: Path, stub: Stub, *more: str, methods: str = "") -> Path:
    method = methods or f"api[model=stub-1, base_url={stub.url}, key_from=STUB_KEY]"
    file = folder / "asked.toml"
    lines = [
        'name = "asked"',
        "[split]",
        'kind = "all"',
        "[tasks.keyphrases]",
        f"methods = [{json.dumps(method)}]",
        '[prices."stub-1"]',
        "input = 1000",
        "output = 2000",
    ]
    file.write_text("\n".join([*lines, *more]), encoding="utf-8")
    return file


def run(folder: Path, stub: Stub, *more: str) -> tuple[str, list[dict[str, Any]]]:
    done = Bench(folder)(
        "run",
        suite(folder, stub),
        "--dataset",
        "papers-demo",
        "--limit",
        12,
        "--output-path",
        folder / "results",
        *more,
    )
    assert done.returncode in (0, 1), done.stderr
    found = [json.loads(p.read_text("utf-8")) for p in (folder / "results" / "cells").glob("*/record.json")]
    return done.stdout + done.stderr, found


def test_a_run_has_tokens_and_money_and_nowhere_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_KEY", SECRET)
    # A server that says the key in an answer, and one that says it in a refusal.
    refusal = json.dumps({"error": {"message": f"wrong key {SECRET}"}})
    faults = {"": [Misbehave(status=400, body=refusal)]}
    with serving(Stub(say=lambda _: f"one; two; {SECRET}", faults=faults)) as stub:
        said, (record,) = run(tmp_path, stub)
        assert stub.keys == {f"Bearer {SECRET}"}
    assert record["status"] == "ok", record["failure"]
    assert record["costs"]["price_per_1000_documents"] > 0
    assert record["costs"]["input_tokens"] > 0
    assert record["notes"]["server"]["planned"] == {"model": "stub-1", "fingerprint": "fp-1"}
    assert record["failed_documents"]["count"] == 1
    assert "Prices are in USD" in said
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 8
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
    assert SECRET not in said


@pytest.mark.slow
def test_a_server_that_calls_itself_otherwise_is_another_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_KEY", SECRET)
    with serving(Stub(say=lambda _: "one; two")) as stub:
        _, records = run(tmp_path, stub)
        asked = sum(stub.answered.values())
        _, records = run(tmp_path, stub)
        assert (len(records), sum(stub.answered.values())) == (1, asked)
        stub.fingerprint = "fp-2"
        _, records = run(tmp_path, stub)
        assert (len(records), sum(stub.answered.values())) == (2, 2 * asked)
        stub.model = "stub-1-of-today"
        _, records = run(tmp_path, stub)
        assert (len(records), sum(stub.answered.values())) == (3, 3 * asked)
    planned = {tuple(record["notes"]["server"]["planned"].values()) for record in records}
    assert planned == {("stub-1", "fp-1"), ("stub-1", "fp-2"), ("stub-1-of-today", "fp-2")}


def test_a_run_that_is_ended_pays_for_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_KEY", SECRET)
    with serving(Stub(say=lambda _: "one; two", delay_s=0.3)) as stub:
        bench = Bench(tmp_path)
        process = bench.start(
            "run",
            suite(tmp_path, stub),
            "--dataset",
            "papers-demo",
            "--limit",
            30,
            "--output-path",
            tmp_path / "results",
        )
        end = time.monotonic() + 60
        while sum(stub.answered.values()) < 9 and time.monotonic() < end:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert not bench.survivors(10)
        time.sleep(1.0)  # what was under way ends at the server
        before = dict(stub.answered)
        assert 9 <= len(before) < 30
        kept = [json.loads(line) for p in tmp_path.glob("results/kept/api/*.jsonl") for line in p.open()]
        stub.delay_s = 0.0
        done = bench(
            "run",
            suite(tmp_path, stub),
            "--dataset",
            "papers-demo",
            "--limit",
            30,
            "--output-path",
            tmp_path / "results",
        )
        assert done.returncode == 0, done.stderr
        # Only what was under way when it was ended, at most eight, had an answer that nobody could keep.
        twice = [prompt for prompt, count in stub.answered.items() if count > 1]
        assert len(twice) == len(before) - len(kept) <= 8
        assert max(stub.answered.values()) <= 2
        assert len(stub.answered) == 30
