"""Published tables come out to the digits that were printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import readbench

pytest.importorskip("pke", reason="needs the extra keyphrases")

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
INSPEC = SHARED / "data" / "inspec"
JCDL2020 = SHARED / "reference" / "jcdl2020_inspec.json"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not INSPEC.is_dir(), reason="the Inspec papers are not beside the repository"),
]

COLUMNS = {
    "P@5": "precision@5",
    "P@10": "precision@10",
    "R@5": "recall@5",
    "R@10": "recall@10",
    "F@5": "f1@5",
    "F@10": "f1@10",
    "MAP": "map",
}

# F1@5, F1@10 and MAP in percent of pke's own defaults, measured with pke's documented calls.
DEFAULTS = {
    "firstphrases": (24.37, 28.39, 27.58),
    "tfidf": (16.99, 21.22, 20.76),
    "kpminer": (6.78, 6.33, 4.50),
    "yake": (18.33, 19.81, 20.60),
    "textrank": (27.19, 34.18, 30.38),
    "singlerank": (27.84, 34.55, 31.71),
    "topicrank": (25.38, 28.25, 24.63),
    "topicalpagerank": (27.78, 33.91, 31.13),
    "positionrank": (27.26, 32.34, 30.00),
    "multipartiterank": (25.68, 29.25, 28.90),
}


def test_gallina_2020_to_four_decimals(tmp_path: Path) -> None:
    frame = readbench.run("inspec-jcdl2020", dataset=INSPEC, output_path=tmp_path)
    assert set(frame.status) == {"ok"}
    published = json.loads(JCDL2020.read_text(encoding="utf-8"))
    assert len(published) == 4
    for name, values in published.items():
        row = frame[frame.method.str.startswith(f"pke.{name.lower()}[")].iloc[0]
        for column, metric in COLUMNS.items():
            found = 100 * row[f"jcdl2020.{metric}"]
            assert round(found, 4) == pytest.approx(round(values[column], 4), abs=1e-9), (name, column)


def test_defaults_within_a_hundredth_of_a_point(tmp_path: Path) -> None:
    frame = readbench.run(
        "inspec", dataset=INSPEC, output_path=tmp_path, methods=[f"pke.{n}[n_best=100]" for n in DEFAULTS]
    )
    for name, values in DEFAULTS.items():
        row = frame[frame.method == f"pke.{name}[n_best=100]"].iloc[0]
        found = [100 * row[f"jcdl2020.{metric}"] for metric in ("f1@5", "f1@10", "map")]
        assert found == pytest.approx(values, abs=0.01), name
