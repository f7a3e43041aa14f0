"""Measures the same methods again and again, for the operating characteristics of the speed gate.

    python docs/ci/collect_timings.py docs/ci/timings.csv --runs 150

Each run is a whole `bench run --fresh` in processes of its own, as the speed gate makes them, one right after
the other. Leaves a row a run and method: what it cost, and what the reference workload took in that run.
Alone on a quiet machine 150 runs take about half an hour; rows are appended, so that it can be continued.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
from pathlib import Path

from readbench.compare.paired import open_side

METHODS = ("pke.firstphrases", "pke.tfidf", "pke.positionrank")
COSTS = ("predict_s", "documents_per_s_marginal", "peak_memory_bytes")
LIMIT = 60


def measure(results: Path) -> list[dict[str, object]]:
    arguments = ["run", "quick", "--fresh", "--limit", str(LIMIT), "--output-path", str(results)]
    for method in METHODS:
        arguments += ["--method", method]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "readbench.cli", *arguments], capture_output=True, text=True, check=True
    )
    side = open_side(done.stdout.strip().splitlines()[-1], results)
    return [
        {"method": row.method, "reference_workload_s": side.manifest.reference_workload_s}
        | {cost: getattr(row.costs, cost) for cost in COSTS}
        for row in side.board.tables[0].rows
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("output", type=Path)
    parser.add_argument("--runs", type=int, default=150)
    given = parser.parse_args()
    new = not given.output.exists()
    with tempfile.TemporaryDirectory() as folder, given.output.open("a", newline="") as file:
        writer = csv.DictWriter(file, ["method", "reference_workload_s", *COSTS], lineterminator="\n")
        if new:
            writer.writeheader()
        for _ in range(given.runs):
            writer.writerows(measure(Path(folder)))
            file.flush()


if __name__ == "__main__":
    main()
