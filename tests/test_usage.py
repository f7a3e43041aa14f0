"""What methods behind an API used: tokens and requests in records, money by the suite's price table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bench_process import Bench
from pydantic import ValidationError

from readbench.core.usage import Price, Usage
from readbench.datasets import open_dataset
from readbench.engine.reporter import Silent
from readbench.engine.runner import Runner
from readbench.planning.plan import Options
from readbench.planning.planner import make_plan
from readbench.planning.suite import Suite
from readbench.results.record import Record
from readbench.results.store import Store

ASKING = """
from readbench.adapter import UNANSWERED, Adapter, Params, RankedPhrases, Usage

class Asking(Adapter):
    name = "toy.asking"
    tasks = frozenset({"keyphrases"})

    class Params(Params):
        kept: int = 0
        counted: bool = True

    def predict(self, chunk):
        self.context.kept.mkdir(parents=True, exist_ok=True)
        (self.context.kept / "answers").write_text("paid for")
        self.context.note("price", self.context.prices["toy-1"].input)
        self.context.note(UNANSWERED, {"documents": 3, "of": 10, "why": "max_cost is reached"})
        return [RankedPhrases(("word",), (1.0,)) for _ in chunk]

    def usage(self):
        counts = (7000, 2000, 700) if self.params.counted else (None, None, None)
        tokens = dict(zip(("input_tokens", "cached_tokens", "output_tokens"), counts))
        return Usage(model="toy-1", documents=7, requests=9, retries=2, kept=self.params.kept,
                     latencies_s=(0.1, 0.2, 0.3, 0.4), **tokens)
"""


def run(folder: Path, method: str, **price: Any) -> tuple[Record, Runner]:
    file = folder / "asking.py"
    file.write_text(ASKING, encoding="utf-8")
    suite = Suite.model_validate(
        {"name": "toy", "tasks": {"keyphrases": {"methods": [method]}}, "prices": {"toy-1": price}}
    )
    store = Store(folder / "results")
    plan = make_plan(suite, open_dataset("papers-demo"), Options(include_paths=(file,), limit=10), store)
    runner = Runner(plan, store, Silent(), charges_imports=False)
    runner.run()
    (record,) = runner.records.values()
    assert record.status == "ok", record.failure
    return record, runner


def test_a_record_has_tokens_requests_latencies_and_their_price(tmp_path: Path) -> None:
    record, _ = run(tmp_path, "toy.asking", input=2.0, cached=1.0, output=8.0)
    costs = record.costs
    assert (costs.input_tokens, costs.cached_tokens, costs.output_tokens) == (7000, 2000, 700)
    assert (costs.requests, costs.retries) == (9, 2)
    assert (costs.latency_p50_s, costs.latency_p95_s) == (0.2, 0.4)
    # 5,000 at 2, 2,000 at 1 and 700 at 8 per million, for 7 documents that were asked about.
    assert costs.price_per_1000_documents == pytest.approx(1000 * 0.0176 / 7)
    assert costs.documents_per_s_marginal is not None
    assert record.notes["price"] == 2.0
    assert (tmp_path / "results" / "kept" / "toy.asking" / "answers").is_file()


def test_a_new_price_is_applied_to_what_is_stored(tmp_path: Path) -> None:
    before, _ = run(tmp_path, "toy.asking", input=2.0, output=8.0)
    after, _ = run(tmp_path, "toy.asking", input=4.0, output=16.0)
    assert after.started_at == before.started_at  # nothing was asked again
    assert before.costs.price_per_1000_documents is not None
    assert after.costs.price_per_1000_documents == pytest.approx(2 * before.costs.price_per_1000_documents)
    stored = Store(tmp_path / "results").record(after.key)
    assert stored is not None
    assert stored.priced is not None
    assert stored.priced.price == Price(input=4.0, output=16.0)
    assert (tmp_path / "results" / "cells" / after.key / "predictions.parquet").is_file()


def test_tokens_that_nobody_counted_have_no_price(tmp_path: Path) -> None:
    record, _ = run(tmp_path, "toy.asking[counted=false]", input=2.0, output=8.0)
    assert record.costs.input_tokens is None
    assert record.costs.price_per_1000_documents is None
    assert record.costs.requests == 9


def test_answers_from_before_leave_the_speed_unknown(tmp_path: Path) -> None:
    record, _ = run(tmp_path, "toy.asking[kept=1]", input=2.0, output=8.0)
    assert record.costs.predict_s is None
    assert record.costs.documents_per_s_marginal is None


def test_a_board_has_the_price_its_currency_and_who_is_unanswered(tmp_path: Path) -> None:
    (tmp_path / "asking.py").write_text(ASKING, encoding="utf-8")
    suite = tmp_path / "toy.toml"
    suite.write_text(
        '[tasks.keyphrases]\nmethods = ["toy.asking"]\n[prices.toy-1]\ninput = 2\noutput = 8\n'
        'currency = "EUR"\n',
        encoding="utf-8",
    )
    done = Bench(tmp_path)(
        "run", suite, "--dataset", "papers-demo", "--include-path", "asking.py", cwd=tmp_path
    )
    assert "price/1,000" in done.stdout
    assert "Prices are in EUR per 1,000 documents" in done.stdout
    assert "toy.asking: 3 of 10 documents have no answer" in done.stdout


def test_a_suite_has_one_currency() -> None:
    prices = {"a": {"input": 1, "output": 1}, "b": {"input": 1, "output": 1, "currency": "EUR"}}
    with pytest.raises(ValidationError, match="EUR and USD"):
        Suite.model_validate({"name": "s", "tasks": {"keyphrases": {"methods": ["x"]}}, "prices": prices})


def test_the_share_of_latencies_is_the_nearest_rank() -> None:
    usage = Usage(model="m", latencies_s=tuple(float(n) for n in range(100, 0, -1)))
    assert (usage.latency_s(0.5), usage.latency_s(0.95)) == (50.0, 95.0)
    assert Usage(model="m").latency_s(0.5) is None
