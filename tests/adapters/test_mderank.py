"""``mderank`` scores a candidate by what the model says of the text with masks in its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the extra neural")
pytest.importorskip("pke", reason="needs the extra keyphrases")

from tiny_bert import save_tiny_bert

from readbench.adapter import Context, RankedPhrases
from readbench.core.types import Document
from readbench.methods.registry import Registry
from readbench.tasks.spec import TaskSpec
from readbench_adapters.words.parse import Parse

SPEC = TaskSpec(task="keyphrases", fields=("title", "abstract"))
PAPER = Document("1", {"title": "A heart disease", "abstract": "Heart disease is studied in a small trial."})
LONG = Document("2", {"title": "A heart disease", "abstract": "We study trees. " * 20 + "A clinical trial."})


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_bert(tmp_path_factory.mktemp("bert") / "model", head=False)


def predicted(bert: Path, folder: Path, document: Document, more: str = "") -> RankedPhrases:
    Parse().build([document], folder, Context(task=SPEC))
    method = Registry().method(f'mderank[model="{bert}", max_length=64{more}]')
    adapter = method.create(Context(task=SPEC, preparations={"parse": Parse().open(folder)}))
    adapter.load()
    [found] = adapter.predict([document])
    assert isinstance(found, RankedPhrases)
    return found


@pytest.mark.parametrize("pooling", ["max", "mean"])
def test_scores_are_those_of_texts_with_masks_read_one_by_one(
    pooling: str, bert: Path, tmp_path: Path
) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    found = predicted(bert, tmp_path, PAPER, f", pooling={pooling}, predict_batch=2")
    tokenizer, model = AutoTokenizer.from_pretrained(bert), AutoModel.from_pretrained(bert).eval()

    def embedded(ids: list[int]) -> Any:
        with torch.no_grad():
            states = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
        return states.max(dim=0).values if pooling == "max" else states.mean(dim=0)

    whole: list[int] = tokenizer(SPEC.text(PAPER))["input_ids"]
    assert {"heart disease", "small trial"} <= set(found.phrases)
    for phrase, score in zip(found.phrases, found.scores, strict=True):
        wanted: list[int] = tokenizer(phrase, add_special_tokens=False)["input_ids"]
        ids, size = list(whole), len(wanted)
        for start in range(len(whole) - size + 1):
            if whole[start : start + size] == wanted:
                ids[start : start + size] = [tokenizer.mask_token_id] * size
        assert ids != whole
        cosine = torch.cosine_similarity(embedded(whole), embedded(ids), dim=0)
        assert score == pytest.approx(1 - float(cosine), abs=1e-5)
    assert list(found.scores) == sorted(found.scores, reverse=True)


def test_what_is_not_read_comes_last(bert: Path, tmp_path: Path) -> None:
    found = predicted(bert, tmp_path, LONG)
    scores = dict(zip(found.phrases, found.scores, strict=True))
    assert scores["clinical trial"] == 0.0
    assert scores["heart disease"] > 0.0


def test_nothing_to_rank_is_an_empty_answer(bert: Path, tmp_path: Path) -> None:
    assert predicted(bert, tmp_path, Document("3", {"title": "", "abstract": ""})) == RankedPhrases((), ())
