"""What models leave: folders that were trained, and answers in their own words."""

from __future__ import annotations

import hashlib
import json
import tempfile
from functools import cache
from pathlib import Path
from random import Random

import fuzz_seeds as seeds

from readbench.core.types import Document
from readbench.datasets import open_dataset
from readbench.tasks.spec import TaskSpec
from readbench.trained.fitting import fit
from readbench.trained.folder import MANIFEST
from readbench.trained.predicting import opened
from readbench_adapters.llm.formats import answer_format

TRAINED = ("majority", "logreg[max_features=20]")
LONGEST_ANSWER = 3_000
"""Characters. Reading a label takes time with the square of an answer's length."""
PAPER = Document("new", {"title": "Graph ranking", "abstract": "We rank the phrases of documents."})

ANSWERS = {
    "label.txt": "**Answer:** It is not a computer science paper but related to medicine (label: 1).\n",
    "chinese.txt": "这篇论文不属于计算机领域，而是关于医学的。\n",
    "phrases.txt": "Sure! Keywords:\n1. graph ranking; 2. surface codes\n- **phrases**\n<think>none</think>",
    "facts.txt": 'The facts:\n```json\n[{"subject": "tea", "predicate": "is", "object": "drink", '
    '"subject_type": "plant", "object_type": "food"}]\n```\n',
    "loose.txt": '［{predicate: is， subject: ‘tea’， object： “drink”}］ and ["fruit"]\n',
}
SPECS = (
    TaskSpec(task="classification", labels=("medical", "not medical", "医学", "计算机", "1")),
    TaskSpec(task="keyphrases"),
    TaskSpec(task="extraction", fields=("instruction", "input"), labels=("fruit", "tool")),
)


@cache
def folder_of(method: str) -> dict[str, bytes]:
    """Every file of a trained model."""
    with tempfile.TemporaryDirectory() as place:
        papers, model = Path(place) / "papers.jsonl", Path(place) / "model"
        papers.write_bytes(seeds.LINES)
        fit(method, open_dataset(str(papers)), model, task="classification")
        return {
            path.relative_to(model).as_posix(): path.read_bytes()
            for path in sorted(model.rglob("*"))
            if path.is_file()
        }


def as_model(path: Path, rng: Random | None) -> None:
    """Mostly with a manifest that holds the sum of the damaged file: otherwise the sum alone is looked at."""
    folder = next(parent for parent in path.parents if (parent / MANIFEST).exists())
    if path.name != MANIFEST and (rng is None or rng.random() < 0.9):
        manifest = json.loads((folder / MANIFEST).read_bytes())
        name = path.relative_to(folder).as_posix()
        manifest["files"][name] = hashlib.sha256(path.read_bytes()).hexdigest()
        (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with opened(folder) as model:
        assert model.predict([PAPER]).keys() == {"new"}


def as_answer(path: Path, rng: Random | None) -> None:
    """What a tokenizer gives is always text, and no longer than a model may write."""
    text = path.read_bytes().decode("utf-8", "replace")[:LONGEST_ANSWER]
    for spec in SPECS:
        format_of_task = answer_format(spec)
        for whole in (True, False) if rng is None else (rng.random() < 0.7,):
            if format_of_task.read(text, whole=whole) is None:
                format_of_task.unreadable(text)
