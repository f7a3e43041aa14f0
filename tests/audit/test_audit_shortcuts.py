"""The shortcut probe: what is planted is found and named; what is not there is not."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from audit_papers import Papers, by_chance, by_label

from readbench.audit.probe import folds
from readbench.audit.shortcuts import judged, probe_fields, probe_marks
from readbench.audit.values import FieldProbe, Score
from readbench.core.types import Dataset, Document
from readbench.datasets import ReadOptions, open_dataset

pytest.importorskip("sklearn", reason="the shortcut probe needs scikit-learn")


def with_field(dataset: Dataset, name: str, values: list[str]) -> Dataset:
    documents = tuple(
        replace(document, fields={**document.fields, name: value})
        for document, value in zip(dataset.documents, values, strict=True)
    )
    return replace(dataset, documents=documents)


def labels_of(dataset: Dataset) -> dict[str, str]:
    return {id_: str(label) for id_, label in dataset.targets["classification"].items()}


def test_a_planted_separator_is_found_and_spelled_out(planted: Dataset) -> None:
    full, text_fields, probes, findings = probe_fields(planted.documents, labels_of(planted), {})
    assert full is not None
    assert text_fields == ("title", "abstract")
    (found,) = findings
    assert (found.kind, found.severity, found.field) == ("shortcut", "finding", "authors")
    assert "`;`" in found.text or "`,`" in found.text
    (probe,) = (probe for probe in probes if probe.field == "authors")
    telling = probe.telling[0]
    right = {"`;`": "1", "`,`": "0"}[telling.condition.removeprefix("has ")]
    assert telling.holds.label == right
    # The figure is the share that the separator really gets right in this dataset.
    labels = labels_of(planted)
    told = np.mean([(";" in d.fields["authors"]) == (labels[d.id] == "1") for d in planted.documents])
    assert telling.score.accuracy == pytest.approx(told)
    assert f"right in {100 * told:.1f}".rstrip("0").rstrip(".") in found.text
    assert set(found.ids) <= set(labels)


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 6))])
def test_marks_at_random_are_no_finding(papers: Papers, seed: int) -> None:
    dataset = papers(seed, separator=by_chance)
    full, _, probes, findings = probe_fields(dataset.documents, labels_of(dataset), {})
    assert findings == ()
    assert full is not None
    assert full.skill > 0.5
    assert all(probe.marks.sure_skill < 0.2 for probe in probes)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("n", [20, 60, 300])
def test_labels_at_random_are_no_finding(papers: Papers, seed: int, n: int) -> None:
    dataset = papers(seed, n)
    rng = random.Random(seed)
    labels = {document.id: rng.choice("0001") for document in dataset.documents}
    assert probe_marks(dataset.documents, labels, ["title", "abstract", "authors"], {}) == ()


def test_a_weaker_shortcut_is_found_where_marks_tell_more_than_words(papers: Papers) -> None:
    def often(rng: random.Random, label: str) -> str:
        return ";" if (label == "1") == (rng.random() < 0.72) else ","

    dataset = papers(3, 600, separator=often)
    _, _, probes, findings = probe_fields(dataset.documents, labels_of(dataset), {})
    (probe,) = (probe for probe in probes if probe.field == "authors")
    assert probe.marks.sure_skill < 0.5
    assert [found.field for found in findings] == ["authors"]


def test_a_shortcut_of_a_small_class_is_found(papers: Papers) -> None:
    """Always answering the large class is right in 95 %, and so rare is the small one that its mark stands
    more often in the large; it tells the label all the same."""
    dataset = papers(4, 800)
    rng = random.Random(0)
    labels = {d.id: "rare" if i % 20 == 0 else "common" for i, d in enumerate(dataset.documents)}
    share = {"rare": 0.95, "common": 0.12}
    names = [
        f"A {i}{'; ' if rng.random() < share[labels[d.id]] else ', '}B {i}"
        for i, d in enumerate(dataset.documents)
    ]
    (found,) = probe_marks(with_field(dataset, "authors", names).documents, labels, ["authors"], {})
    assert "where the largest class has 0.950" in found.text


def test_several_classes(papers: Papers) -> None:
    dataset = papers(5, 300)
    labels = {document.id: f"class {i % 5}" for i, document in enumerate(dataset.documents)}
    source = [f"A {i}{';,/|#'[i % 5]}B {i}" for i in range(300)]
    found = probe_marks(with_field(dataset, "authors", source).documents, labels, ["abstract", "authors"], {})
    assert [one.field for one in found] == ["authors"]


def test_a_field_that_names_the_label_is_found(papers: Papers) -> None:
    dataset = papers(6)
    labels = {
        id_: "medical" if label == "1" else "no such thing" for id_, label in labels_of(dataset).items()
    }
    notes = [f"filed on day {i} as {labels[d.id]} paper" for i, d in enumerate(dataset.documents)]
    findings = probe_marks(with_field(dataset, "remark", notes).documents, labels, ["remark"], {})
    assert ("label in field", "remark") in {(found.kind, found.field) for found in findings}
    both = [f"either medical or no such thing {i}" for i in range(len(notes))]
    assert probe_marks(with_field(dataset, "remark", both).documents, labels, ["remark"], {}) == ()


def test_chinese_label_names_are_found() -> None:
    documents, labels = [], {}
    for i in range(60):
        label = ("水果", "酒店")[i % 2]
        documents.append(Document(f"{i:02}", {"text": f"第{i}条,东西不错", "kind": f"类别是{label}。"}, "zh"))
        labels[f"{i:02}"] = label
    findings = probe_marks(documents, labels, ["text", "kind"], {})
    assert [(found.kind, found.field) for found in findings] == [("label in field", "kind")]


def test_a_category_that_decides_the_label_is_found(papers: Papers) -> None:
    dataset = papers(7)
    labels = labels_of(dataset)
    source = ["library" if labels[d.id] == "1" else "archive" for d in dataset.documents]
    _, _, _, findings = probe_fields(with_field(dataset, "source", source).documents, labels, {})
    assert {(found.kind, found.field) for found in findings} == {("category", "source")}


def test_words_that_say_far_more_than_the_text_are_found(papers: Papers) -> None:
    dataset = papers(8)
    generator = random.Random(8)
    labels = {document.id: str(generator.randrange(2)) for document in dataset.documents}
    sides = {"0": "east", "1": "west"}
    words = [f"shelf {i} {sides[labels[d.id]]}" for i, d in enumerate(dataset.documents)]
    _, _, _, findings = probe_fields(with_field(dataset, "source", words).documents, labels, {})
    assert {(found.kind, found.field) for found in findings} == {("words", "source")}


def test_the_order_of_the_file_changes_nothing(planted: Dataset) -> None:
    labels = labels_of(planted)
    expected = probe_marks(planted.documents, labels, ["authors"], {})
    shuffled = list(planted.documents)
    random.Random(0).shuffle(shuffled)
    assert probe_marks(shuffled, labels, ["authors"], {}) == expected


def test_near_duplicates_stay_in_one_fold() -> None:
    ids = [f"d{i}" for i in range(60)]
    groups = {id_: f"d{i - i % 3}" for i, id_ in enumerate(ids) if i < 30}
    labels = np.array([str(i % 2) for i in range(60)])
    parts = folds(labels, ids, groups)
    assert sorted(int(i) for _, test in parts for i in test) == list(range(60))
    for train, test in parts:
        assert not {groups.get(ids[i]) for i in train} & {groups.get(ids[i]) for i in test} - {None}


@pytest.mark.parametrize("labels", [{}, {"p000": "1"}, dict.fromkeys((f"p{i:03}" for i in range(60)), "1")])
def test_nothing_is_probed_without_two_labels(papers: Papers, labels: dict[str, str]) -> None:
    dataset = papers(8, 60)
    assert probe_fields(dataset.documents, labels, {}) == (None, (), (), ())
    assert probe_marks(dataset.documents, labels, ["authors"], {}) == ()


def test_rare_labels_are_left_out(papers: Papers) -> None:
    dataset = papers(9, 100)
    labels = {**labels_of(dataset), "p000": "once", "p001": "twice", "p002": "twice"}
    full, *_ = probe_fields(dataset.documents, labels, {})
    assert full is not None
    assert full.n == 97


def test_empty_fields_and_texts_without_words() -> None:
    documents = [Document(f"{i:02}", {"text": "", "title": "!" * (i % 7)}) for i in range(40)]
    labels = {document.id: str(i % 2) for i, document in enumerate(documents)}
    full, _, probes, findings = probe_fields(documents, labels, {})
    assert full is not None
    assert findings == ()
    assert [probe.filled for probe in probes] == [0, 34]


def test_the_separator_of_the_challenge_is_found(shared: Path) -> None:
    folder = shared / "data" / "xfyun"
    options = ReadOptions(labels=folder / "testB_silver_labels.csv")
    dataset = open_dataset(str(folder / "testB.csv"), options)
    (found,) = probe_marks(dataset.documents, labels_of(dataset), ["title", "abstract", "authors"], {})
    assert found.field == "authors"
    assert "where it has `;`, label 0 in 99.9 % of 960" in found.text
    assert "this mark alone is right in 98.4 %" in found.text


def test_by_label_plants_what_it_says() -> None:
    rng = random.Random(0)
    right = np.mean([by_label(rng, "1") == ";" for _ in range(2000)])
    assert abs(right - 0.98) < 0.015


def right_in(hits: int, n: int = 200) -> Score:
    """A score of guesses at two labels, ``hits`` of which are right."""
    truth = ["a", "b"] * (n // 2)
    return Score.of(truth, [label if i < hits else "ab".replace(label, "") for i, label in enumerate(truth)])


@pytest.mark.parametrize(
    ("words", "full", "found"),
    [
        (190, 120, ["words"]),
        # What the text says as well is no shortcut, and neither is what lies above it by chance.
        (190, 190, []),
        (190, 185, []),
        # Nor what says little.
        (140, 100, []),
    ],
)
def test_words_of_a_field_are_named_where_they_say_more_than_the_text(
    words: int, full: int, found: list[str]
) -> None:
    probe = FieldProbe(
        "journal", filled=200, distinct=200, marks=right_in(100), words=right_in(words), name=None
    )
    assert [one.kind for one in judged(probe, right_in(full), beyond_words=False)] == found
