"""Copies across official parts and labels that contradict: found, counted, shown."""

from __future__ import annotations

from audit_papers import Papers

from readbench.audit.copies import find_copies, judge_copies
from readbench.core.types import Dataset, Document, Part

FIELDS = ("text",)
LONG = " ".join(f"w{i}" for i in range(60))
EDITED = LONG.replace("w30", "changed")


def dataset(parts: dict[str, Part], **texts: str) -> Dataset:
    return Dataset("d", tuple(Document(id_, {"text": text}) for id_, text in texts.items()), parts=parts)


def test_groups_say_what_they_are() -> None:
    known = dataset(
        {"a": "train", "b": "test"}, a=LONG, b=EDITED, c="Short text.", d="short  text", e="other"
    )
    copies = find_copies(known, FIELDS, {"a": "1", "b": "0", "c": "1", "d": "1"})
    assert [(group.ids, group.exact) for group in copies.groups] == [(("c", "d"), True), (("a", "b"), False)]
    exact, near = copies.groups
    assert exact.similarity == 1
    # 58 triples each, three of them broken by the edit.
    assert near.similarity == 55 / 61
    assert near.parts == ("train", "test")
    assert near.labels == ("1", "0")
    assert copies.documents == 4
    assert copies.across_parts() == [near] == copies.contradictory()


def test_what_splits_cannot_mend_is_a_finding() -> None:
    known = dataset({"a": "train", "b": "test"}, a=LONG, b=EDITED, c="Short text.", d="short  text")
    found = {one.kind: one for one in judge_copies(find_copies(known, FIELDS, {"c": "1", "d": "0"}))}
    assert set(found) == {"copies across parts", "contradictory labels", "copies"}
    assert found["copies across parts"].severity == "finding"
    assert found["copies across parts"].ids == ("a", "b")
    assert "1 between test and train" in found["copies across parts"].text
    assert found["contradictory labels"].ids == ("c", "d")
    assert "1 of them equal texts" in found["contradictory labels"].text
    assert found["copies"].severity == "note"


def test_an_unlabelled_copy_contradicts_nobody() -> None:
    known = dataset({}, a=LONG, b=EDITED)
    assert [one.kind for one in judge_copies(find_copies(known, FIELDS, {"a": "1"}))] == ["copies"]


def test_chinese_reviews_with_contradictory_labels() -> None:
    review = "房间干净,服务热情,早餐的种类很多,离地铁站也很近,下次还会再来住"
    known = dataset({}, a=review, b=review.replace(",", "。"), c="苹果很甜,个头也大,包装不错")
    (group,) = find_copies(known, FIELDS, {"a": "酒店", "b": "水果", "c": "水果"}).contradictory()
    assert group.ids == ("a", "b")
    assert group.exact


def test_papers_without_copies(papers: Papers) -> None:
    copies = find_copies(papers(0), ("title", "abstract"), {})
    assert copies.groups == ()
    assert judge_copies(copies) == []
