"""label-logreg and dictionary-triples: what they learn, where they abstain, and what they keep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from of_type import all_of_type

from readbench.adapter import Adapter, Context
from readbench.authoring.conformance import check_method
from readbench.core.errors import BenchError
from readbench.core.types import Dataset, Document, ExtractedFacts, Fact, StatedFacts
from readbench.datasets import open_dataset
from readbench.tasks import get_task
from readbench.tasks.spec import TaskSpec
from readbench_adapters.classical.label_logreg import LabelLogReg
from readbench_adapters.extraction.dictionary_triples import DictionaryTriples

SPEC = TaskSpec(task="extraction", fields=("instruction", "input"))
NOTHING = Dataset("", ())


def dataset(*rows: tuple[str, StatedFacts]) -> Dataset:
    documents = tuple(Document(str(i), {"input": text}, "zh") for i, (text, _) in enumerate(rows))
    return Dataset("rows", documents, {"extraction": {str(i): target for i, (_, target) in enumerate(rows)}})


def fitted(cls: type[Adapter], train: Dataset, **params: object) -> tuple[Adapter, dict[str, object]]:
    notes: dict[str, object] = {}
    adapter = cls(cls.Params.model_validate(params), Context(task=SPEC, note=notes.__setitem__))
    adapter.load()
    adapter.fit(train, NOTHING)
    return adapter, notes


def predicted(adapter: Adapter, *texts: str) -> Sequence[ExtractedFacts]:
    documents = [Document(str(i), {"input": text}, "zh") for i, text in enumerate(texts)]
    return all_of_type(ExtractedFacts, adapter.predict(documents))


def book(title: str, author: str) -> tuple[str, StatedFacts]:
    return f"抽取：《{title}》是{author}写的小说。", StatedFacts(
        (Fact(title, "作者", author, "图书", "人物"),)
    )


def born(name: str, country: str) -> tuple[str, StatedFacts]:
    return f"抽取：{name}，{country}人，画家。", StatedFacts((Fact(name, "国籍", country, "人物", "国家"),))


BOOKS = dataset(book("雾港", "林青禾"), book("北坡", "周拾遗"), book("雪线", "唐听雨"))


@pytest.mark.parametrize("name", ["label-logreg", "dictionary-triples"])
def test_they_keep_to_the_interface(name: str) -> None:
    failed = [
        f"{result.name}: {result.why}" for result in check_method(name, sources=False) if not result.passed
    ]
    assert not failed


def test_cues_find_what_was_never_seen() -> None:
    adapter, notes = fitted(DictionaryTriples, BOOKS)
    (found,) = predicted(adapter, "抽取：《空巷》是秦半夏写的小说。")
    assert found.facts == (Fact("空巷", "作者", "秦半夏", "图书", "人物"),)
    assert found.parsed
    assert found.raw is None
    assert notes["dictionary"]["known words"] == 0  # type: ignore[index]


def test_known_objects_are_found_behind_unknown_words() -> None:
    rows = dataset(born("沈若水", "中国"), born("罗望舒", "中国"), born("叶听涛", "中国"))
    adapter, notes = fitted(DictionaryTriples, rows)
    assert notes["dictionary"]["known words"] == 1  # type: ignore[index]
    (found,) = predicted(adapter, "抽取：江问渠，生在中国。")
    assert found.facts == (Fact("江问渠", "国籍", "中国", "人物", "国家"),)


def test_cues_that_are_often_wrong_are_dropped() -> None:
    """The same frame around something that is no author: precision 3 of 7 passes 0.4 and not 0.5."""
    false = [(f"抽取：《甲{i}》是乙{i}写的小说。", StatedFacts()) for i in "abcd"]
    rows = dataset(*zip(BOOKS_TEXTS, BOOKS_TARGETS, strict=True), *false)
    strict, _ = fitted(DictionaryTriples, rows, min_precision=0.5)
    lenient, _ = fitted(DictionaryTriples, rows, min_precision=0.4)
    text = "抽取：《空巷》是秦半夏写的小说。"
    assert predicted(strict, text)[0].facts == ()
    assert len(predicted(lenient, text)[0].facts) == 1


BOOKS_TEXTS = [document.fields["input"] for document in BOOKS.documents]
BOOKS_TARGETS = all_of_type(StatedFacts, BOOKS.targets["extraction"].values())


def test_nothing_is_found_where_no_cue_stands() -> None:
    adapter, _ = fitted(DictionaryTriples, BOOKS)
    assert [p.facts for p in predicted(adapter, "", "今天下雨。", "《空巷》", "\0写的")] == [(), (), (), ()]


def test_a_subject_of_another_type_stands_in() -> None:
    """Directors are known by their cue; the film is found as every title is."""
    films = [
        (f"抽取：《{t}》由{n}执导。", StatedFacts((Fact(t, "导演", n, "电影", "人物"),)))
        for t, n in (("旧站台", "高远山"), ("纸船", "何小满"))
    ]
    adapter, _ = fitted(DictionaryTriples, dataset(*films))
    (found,) = predicted(adapter, "看：《空巷》由秦半夏执导。")
    assert [fact.subject for fact in found.facts] == ["空巷"]


@pytest.mark.parametrize("cls", [DictionaryTriples, LabelLogReg])
def test_nothing_to_learn_from_is_said(cls: type[Adapter]) -> None:
    with pytest.raises(BenchError, match=r"\[split\]"):
        fitted(cls, NOTHING)


def test_labels_are_learned_and_facts_abstained_from() -> None:
    reviews = [
        (f"评论：{text}", StatedFacts(label=label))
        for label in ("茶叶", "雨伞")
        for text in (f"{label}不错。", f"这{label}很好。", f"{label}一般，{label}而已。")
    ]
    rows = dataset(*reviews, *zip(BOOKS_TEXTS, BOOKS_TARGETS, strict=True))
    adapter, notes = fitted(LabelLogReg, rows)
    tea, umbrella, facts = predicted(
        adapter, "评论：茶叶好。", "评论：雨伞好。", "抽取：《空巷》是秦半夏写的小说。"
    )
    assert (tea.label, umbrella.label, facts.label) == ("茶叶", "雨伞", None)
    assert [one.facts for one in (tea, umbrella, facts)] == [(), (), ()]
    assert notes["features"] > 0  # type: ignore[operator]
    with pytest.raises(BenchError, match="finds no n-grams"):
        fitted(LabelLogReg, rows, min_df=100)


@pytest.mark.parametrize("cls", [DictionaryTriples, LabelLogReg])
def test_saved_and_restored_on_another_corpus(cls: type[Adapter], tmp_path: Path) -> None:
    corpus = open_dataset("facts-demo")
    adapter, _ = fitted(cls, corpus)
    adapter.save(tmp_path)
    again = cls(adapter.params, adapter.context)
    again.load()
    again.restore(tmp_path)
    assert again.predict(corpus.documents) == adapter.predict(corpus.documents)
    targets = corpus.targets["extraction"]
    told = dict(zip((d.id for d in corpus.documents), adapter.predict(corpus.documents), strict=True))
    documents = {d.id: d for d in corpus.documents}
    scores = get_task("extraction").score(SPEC, documents, targets, told)
    # What it has learned from it must at least know.
    metric = "label_accuracy" if cls is LabelLogReg else "triples.document_f1"
    assert scores.means()[[m.id for m in scores.metrics].index(metric)] > 0.8
