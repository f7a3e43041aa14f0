"""Few distinct texts, fields that tell in words, lists with gold among them: said, and never the end."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from audit_papers import made_up

from readbench.audit import audit, warnings
from readbench.audit.warnings import shortcut_warnings
from readbench.core.types import Dataset, Decision, Document
from readbench.tasks.spec import TaskSpec

pytest.importorskip("sklearn", reason="the shortcut probe needs scikit-learn")

TITLES = ("Letter to the editor", "Erratum", "Corrigendum to previous article", "Editorial board")


def copies(titles: tuple[str, ...], n: int = 40, classes: int = 2) -> Dataset:
    documents = tuple(Document(str(i), {"title": titles[i % len(titles)]}) for i in range(n))
    labels = {str(i): str(i % classes) for i in range(n)}
    return Dataset("few", documents, {"classification": labels})


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("titles", [TITLES[:1], TITLES[:2], TITLES[:3], TITLES, (*TITLES, "Retraction")])
def test_few_distinct_texts_are_audited(tmp_path: Path, titles: tuple[str, ...], classes: int) -> None:
    dataset = copies(titles, classes=classes)
    found = audit(dataset)
    assert len(found.copies.groups) == len(titles)
    spec = TaskSpec(task="classification", fields=("title",))
    assert not any("were not probed" in line for line in shortcut_warnings(dataset, spec, tmp_path))


def test_a_probe_that_fails_is_a_line_and_not_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> object:
        raise ZeroDivisionError("by chance")

    monkeypatch.setattr(warnings, "probe_marks", broken)
    spec = TaskSpec(task="classification", fields=("title",))
    (line,) = shortcut_warnings(copies(TITLES), spec, tmp_path)
    assert line == "fields were not probed for shortcuts: ZeroDivisionError: by chance"
    assert not (tmp_path / "audits").exists()  # nothing of it is kept


def telling_in_words(share: float) -> Dataset:
    """Papers whose text tells nothing, and a free-text note that names the class in this share of them."""
    rng = random.Random(1)
    dataset = made_up(2, 200)
    labels = {id_: rng.choice("01") for id_ in dataset.targets["classification"]}
    own = {"0": ("benign", "stable", "calm"), "1": ("acute", "severe", "urgent")}
    documents = []
    for number, document in enumerate(dataset.documents):
        label = labels[document.id] if rng.random() < share else rng.choice("01")
        note = f"record {number} {rng.choice(own[label])} seen by {rng.choice('ABCDEFG')}{number}"
        documents.append(replace(document, fields={**document.fields, "note": note}))
    return replace(dataset, documents=tuple(documents), targets={"classification": labels})


def test_a_field_whose_words_tell_what_the_text_does_not_is_named() -> None:
    found = [finding for finding in audit(telling_in_words(1.0)).findings if finding.severity == "finding"]
    assert [(finding.kind, finding.field) for finding in found] == [("words", "note")]
    assert "the words of `note` predict the label: accuracy 1.000" in found[0].text
    assert "and the full text reaches 0." in found[0].text
    assert audit(telling_in_words(0.0)).exit_status == 0


def listed(share: float) -> Dataset:
    """Papers with five gold phrases, and a field of five items of which this share is gold."""
    rng = random.Random(3)
    documents, gold = [], {}
    for number in range(40):
        phrases = tuple(f"{name} {number}" for name in ("graph", "text", "code", "tree", "word"))
        items = [phrase if rng.random() < share else f"other {number} {phrase[0]}" for phrase in phrases]
        fields = {"title": f"t {number}", "abstract": "a text", "indexed": " / ".join(items)}
        documents.append(Document(str(number), fields))
        gold[str(number)] = phrases
    return Dataset("d", tuple(documents), {"keyphrases": gold})


def test_a_list_with_gold_among_its_items_is_named() -> None:
    (found,) = (finding for finding in audit(listed(0.3)).findings if finding.kind == "gold in field")
    assert found.field == "indexed"
    assert "is a list that gives gold away" in found.text
    assert audit(listed(0.02)).exit_status == 0


def test_what_the_reader_doubts_is_a_note() -> None:
    decisions = (Decision("language", "`en`, as said", doubt="9 of 9 texts are 'pl'"), Decision("ids", "own"))
    found = audit(replace(listed(0.0), decisions=decisions))
    assert [f.text for f in found.findings if f.kind == "reading"] == [
        "read as language: `en`, as said; 9 of 9 texts are 'pl'"
    ]
    assert found.exit_status == 0
