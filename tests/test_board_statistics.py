"""What a board says of its statistics: missing intervals and why, seeds, folds, tuned parameters."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import readbench
from readbench.report.markup import as_json, as_markdown
from readbench.report.terminal import print_board
from readbench.results.leaderboard import Leaderboard, build_leaderboard
from readbench.results.store import Store

METHODS = '''
import random
from readbench.adapter import Adapter, PredictedLabel


class Steady(Adapter):
    """Right on seven papers of eight. Its probabilities add up to 1, rounded to three places."""

    name = "test.steady"
    tasks = frozenset({"classification"})

    class Params(Adapter.Params):
        strength: float = 1.0
        total: float = 1.0

    def predict(self, chunk):
        return [self.guess(d, sum(map(ord, d.id)) % 8) for d in chunk]

    def guess(self, document, number):
        labels = self.context.task.labels
        label = "1" if "patient" in document.fields["abstract"] else "0"
        sure = self.params.total * (0.55 + number / 20)
        return PredictedLabel(label, {label: sure, labels[label == labels[0]]: self.params.total - sure})


class Contrary(Steady):
    """Always the other label."""

    name = "test.contrary"

    def guess(self, document, number):
        steady = super().guess(document, number)
        scores = {label: 1 - sure for label, sure in steady.scores.items()}
        return PredictedLabel(max(scores, key=scores.get), scores)


class Noisy(Steady):
    """Its training depends on the seed."""

    name = "test.noisy"
    stochastic = True

    def guess(self, document, number):
        chance = random.Random(self.context.seed + sum(map(ord, document.id)))
        return PredictedLabel(chance.choice(self.context.task.labels))
'''

SUITE = """
[dataset]
name = "papers-demo"
[split]
{split}
[tasks.classification]
primary = "{primary}"
board = ["accuracy", "f1", "ece", "brier"]
methods = {methods}
{more}
"""


def board_of(
    folder: Path,
    methods: Sequence[str],
    split: str = "",
    primary: str = "accuracy",
    limit: int = 60,
    more: str = "",
) -> Leaderboard:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "methods.py").write_text(METHODS, encoding="utf-8")
    suite = folder / "suite.toml"
    text = SUITE.format(
        split=split or 'kind = "holdout"\ntest = 0.5',
        methods=json.dumps(list(methods)),
        primary=primary,
        more=more,
    )
    suite.write_text(text, encoding="utf-8")
    frame = readbench.run(
        str(suite), limit=limit, include_paths=[folder / "methods.py"], output_path=folder / "results"
    )
    return build_leaderboard(Path(frame.attrs["run"]).name, Store(folder / "results"))


def shown(board: Leaderboard) -> str:
    sink = io.StringIO()
    print_board(board, Console(file=sink, width=140, color_system=None))
    return " ".join(sink.getvalue().split())


def test_what_is_missing_is_seen_and_has_a_reason(tmp_path: Path) -> None:
    """Probabilities that are rounded count as such; scores that are none leave metrics without a value."""
    rounded, wrong = (f"test.steady[total={total}]" for total in (1.001, 1.3))
    board = board_of(tmp_path, [rounded, wrong], primary="ece")
    assert board.tables[0].rows[0].value("brier") is not None
    assert "[none]" in shown(board)
    assert "(no interval)" in as_markdown(board)
    told = json.loads(as_json(board))
    assert told["rows"][0]["metrics"]["ece"]["reason"] == "no interval of it is known to hold"
    for reason in (
        f"No interval of ece for {rounded}: no interval of it is known to hold.",
        f"No value of ece, brier for {wrong}: the scores are no probabilities.",
    ):
        assert reason in shown(board)
        assert reason in as_markdown(board).replace("\\", "")
        assert reason in told["statistics"]["classification"]


def test_one_seed_claims_nothing_and_says_so(tmp_path: Path) -> None:
    """Right on half of the papers against right on nearly all: over one seed nobody knows."""
    once = board_of(tmp_path, ["test.steady", "test.noisy"], limit=160)
    assert [row.ranks for row in once.tables[0].rows] == [(1, 2), (1, 2)]
    assert "test.noisy ran with one seed" in shown(once)
    assert "Set repeats in [split]" in as_markdown(once).replace("\\", "")
    assert "not significantly better" in shown(once)
    assert json.loads((once.folder / "statistics.json").read_text())["classification"]["p"][0][1] is None
    split = 'kind = "holdout"\ntest = 0.5\nrepeats = 8'
    several = board_of(tmp_path, ["test.steady", "test.noisy"], split, limit=160)
    assert "one seed" not in shown(several)
    assert [row.ranks for row in several.tables[0].rows] == [(1, 1), (2, 2)]
    noisy = several.tables[0].rows[1]
    value = noisy.metrics["accuracy"]
    assert value.low is not None
    assert value.high is not None
    assert value.spread is not None
    assert value.high - value.low > 2 * value.spread / np.sqrt(8)


def test_folds_and_few_documents_are_said(tmp_path: Path) -> None:
    board = board_of(tmp_path, ["test.steady"], 'kind = "kfold"\nfolds = 2', "brier")
    assert "Folds share training documents: the ranks are corrected for that" in shown(board)
    assert "the sign-flip test reports a false difference" in shown(board)


TUNED = """
[[tasks.classification.tuned]]
method = "test.steady"
params.{parameter} = {values}
"""


@pytest.mark.parametrize(
    ("parameter", "values", "chosen", "equal", "edges"),
    [
        ("total", [0.9, 1.0, 1.3], "test.steady", 0, ()),
        ("strength", [1.0, 2.0, 3.0], "test.steady", 2, ()),
    ],
)
def test_what_was_tuned_says_ties_and_edges(
    tmp_path: Path, parameter: str, values: list[float], chosen: str, equal: int, edges: tuple[str, ...]
) -> None:
    more = TUNED.format(parameter=parameter, values=json.dumps(values))
    split = 'kind = "holdout"\ntest = 0.4\nvalidation = 0.4'
    board = board_of(tmp_path, [], split, "brier", more=more)
    (row,) = board.tables[0].rows
    assert row.method == chosen
    assert row.chosen is not None
    assert (row.chosen.equal, row.chosen.edges) == (equal, edges)
    assert "(tuned)" in shown(board)
    assert f"{chosen}: test.steady: best of {len(values)} on" in shown(board)


def test_the_least_error_ranks_first(tmp_path: Path) -> None:
    """Where less is better, the method with the significantly smaller value has the first rank."""
    right, wrong = "test.steady", "test.contrary"
    board = board_of(tmp_path, [wrong, right], primary="brier", limit=160)
    rows = {row.method: row for row in board.tables[0].rows}
    smaller, larger = (rows[name].value("brier") for name in (right, wrong))
    assert smaller is not None
    assert larger is not None
    assert smaller < larger
    assert [row.method for row in board.tables[0].rows] == [right, wrong]
    assert (rows[right].ranks, rows[wrong].ranks) == ((1, 1), (2, 2))
