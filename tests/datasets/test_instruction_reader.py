"""The instruction format: what its rows become, in files and folders, and what is refused with its line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from files_of_papers import Refused, Write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from readbench.core.types import Fact, StatedFacts
from readbench.datasets import ReadOptions, open_dataset
from readbench.datasets.stream import stream_documents
from readbench.results.tables import read_targets, write_targets
from readbench.text.facts import write_answer

STATED = StatedFacts((Fact("雾港", "作者", "林青禾", "图书", "人物"),))
FACTS = write_answer(STATED)


def row(target: str = FACTS, input: str = "抽取：\n\n《雾港》是林青禾写的。", **more: object) -> str:
    context = f"Instruction: 作答。\nInput: {input}\nAnswer: "
    return json.dumps({"context": context, "target": target} | more, ensure_ascii=False) + "\n"


def test_fields_and_targets_of_a_file(write: Write) -> None:
    dataset = open_dataset(str(write("rows.jsonl", row() + "\n" + row('["茶叶"]', "茶很香。"))))
    first, second = dataset.documents
    assert (dataset.name, first.id, second.id) == ("rows", "rows-1", "rows-3")
    assert first.fields == {"instruction": "作答。", "input": "抽取：\n\n《雾港》是林青禾写的。"}
    assert dataset.targets == {
        "extraction": {"rows-1": STATED, "rows-3": StatedFacts(label="茶叶")},
        "classification": {"rows-3": "茶叶"},
    }
    assert dataset.slices == {"facts": ("rows-1",), "labels": ("rows-3",)}
    assert not dataset.parts
    assert dataset.only(["rows-3"]).slices == {"facts": (), "labels": ("rows-3",)}


def test_without_a_label_there_is_nothing_to_classify(write: Write) -> None:
    assert set(open_dataset(str(write("rows.jsonl", row()))).targets) == {"extraction"}


def test_an_instruction_alone_and_lines_that_look_like_keys(write: Write) -> None:
    alone = json.dumps({"context": "Instruction: 说出事实：甲在乙。\nAnswer:", "target": "[]"})
    tricky = row(input="Answer: 是什么？\nAnswer: 否\nInput: 都在里面")
    dataset = open_dataset(str(write("rows.jsonl", alone + "\n" + tricky)))
    assert dataset.documents[0].fields == {"instruction": "说出事实：甲在乙。"}
    assert dataset.documents[1].fields["input"] == "Answer: 是什么？\nAnswer: 否\nInput: 都在里面"
    assert dataset.targets["extraction"]["rows-1"] == StatedFacts()
    assert dataset.slices["facts"] == ("rows-1", "rows-2")


@pytest.mark.parametrize(
    ("files", "parts"),
    [
        (("train", "dev"), {"train-1": "train", "dev-1": "test"}),
        (("train", "dev", "test"), {"train-1": "train", "dev-1": "validation", "test-1": "test"}),
        (("train", "validation"), {"train-1": "train", "validation-1": "test"}),
        (("test",), {"test-1": "test"}),
    ],
)
def test_parts_of_a_folder(tmp_path: Path, files: tuple[str, ...], parts: dict[str, str]) -> None:
    for number, name in enumerate(files):
        (tmp_path / f"{name}.jsonl").write_text(row(input=f"第{number}句"), encoding="utf-8")
    (tmp_path / "README.md").write_text("not data", encoding="utf-8")
    dataset = open_dataset(str(tmp_path))
    assert dataset.parts == parts
    assert [document.id for document in dataset.documents] == list(parts)


def test_gzip_and_another_encoding(write: Write) -> None:
    packed = open_dataset(str(write("rows.jsonl.gz", gzip.compress(row().encode()))))
    assert packed.targets["extraction"] == {"rows-1": STATED}
    plain = json.dumps(
        {"context": "Instruction: a\nInput: \u00e9\nAnswer: ", "target": "[]"}, ensure_ascii=False
    )
    latin = open_dataset(str(write("l.jsonl", plain.encode("latin-1"))), ReadOptions(encoding="latin-1"))
    assert latin.documents[0].fields["input"] == "é"


def test_languages(write: Write) -> None:
    english = (
        json.dumps({"context": "Instruction: Read.\nInput: Tea 茶 is good.\nAnswer: ", "target": "[]"}) + "\n"
    )
    mixed = write("mixed.jsonl", row() + row(input="又一句") + row(input="第三句", language="ja") + english)
    assert [d.language for d in open_dataset(str(mixed)).documents] == ["zh", "zh", "ja", "zh"]
    said = open_dataset(str(mixed), ReadOptions(language="fr"))
    assert [d.language for d in said.documents] == ["fr", "fr", "ja", "fr"]
    assert open_dataset(str(write("en.jsonl", english))).documents[0].language == "en"


def test_ids_of_their_own(write: Write, refused: Refused) -> None:
    dataset = open_dataset(str(write("rows.jsonl", row(id="甲") + row(id=7))))
    assert [d.id for d in dataset.documents] == ["甲", "7"]
    message = refused(write("twice.jsonl", row(id="甲") + row(id="甲")))
    assert "twice.jsonl, line 2: the id '甲' is in" in message
    assert "line 1 too" in message


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (row("水果"), "the target cannot be read: the answer has '水果' where a list is expected"),
        (row('["a", "b"]'), "the target cannot be read: the list names 2 labels"),
        (row('[{"subject": "a"}]'), "fact 1 has no predicate and no object"),
        (row(""), "the target cannot be read"),
        (
            '{"context": "Instruction: a\\nInput: b\\nAnswer: c", "target": "[]"}',
            "an Answer that is left open",
        ),
        ('{"context": "b", "target": "[]"}', "the context is not an Instruction"),
        ('{"context": 3, "target": "[]"}', "the context is no text"),
        ('{"context": "Instruction: a\\nAnswer: ", "target": ["a"]}', "the target is no text"),
        ('{"context": "Instruction: a\\nAnswer: "}', "the target is no text"),
        (row(input="a\0b"), "NUL"),
        (row("[\0]"), "NUL"),
        ('{"context": "Instruction: \\ud83d\\nAnswer: ", "target": "[]"}', "half of a surrogate pair"),
        ("[]", "is no JSON object"),
        ("{", "broken JSON"),
    ],
)
def test_what_is_refused_has_its_line(write: Write, refused: Refused, line: str, why: str) -> None:
    message = refused(write("bad.jsonl", row() + "\n" + line.rstrip("\n") + "\n"))
    assert "bad.jsonl, line 3: " in message
    assert why in message


def test_the_line_of_a_bad_row_in_a_folder(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "train.jsonl").write_text(row(), encoding="utf-8")
    (tmp_path / "dev.jsonl").write_text(row() + row("好"), encoding="utf-8")
    assert "dev.jsonl, line 2: the target cannot be read" in refused(tmp_path)


def test_rows_without_text_or_with_too_much_are_counted(write: Write, refused: Refused) -> None:
    blank = json.dumps({"context": "Instruction: \nInput: \nAnswer: ", "target": "[]"}) + "\n"
    path = write("rows.jsonl", row() + blank + row(input="长" * 100))
    dataset = open_dataset(str(path), ReadOptions(max_characters=50))
    assert [d.id for d in dataset.documents] == ["rows-1"]
    assert dataset.counts == {"skipped: no text": 1, "skipped: longer than 50 characters": 1}
    assert "no document is left; skipped: no text (1)" in refused(write("blank.jsonl", blank))


def test_options_of_other_kinds_of_data_are_refused(write: Write, refused: Refused) -> None:
    path = write("rows.jsonl", row())
    assert "neither columns nor labels" in refused(path, columns={"title": "context"})
    assert "neither columns nor labels" in refused(path, labels="labels.csv")
    assert "comes without corenlp annotation" in refused(path, annotation="corenlp")


def test_other_json_lines_are_not_taken_for_it(write: Write) -> None:
    dataset = open_dataset(str(write("papers.jsonl", '{"title": "a", "context": "b", "label": "x"}\n')))
    assert dataset.documents[0].fields == {"title": "a", "context": "b"}


def test_rows_to_predict_for_need_no_target(write: Write) -> None:
    line = json.dumps({"context": "Instruction: a\nInput: b\nAnswer: "})
    (document,) = stream_documents(write("new.jsonl", line + "\n"))
    assert (document.id, document.fields) == ("new-1", {"instruction": "a", "input": "b"})


def test_the_embedded_corpus() -> None:
    dataset = open_dataset("facts-demo")
    assert (dataset.name, dataset.demo, len(dataset.documents)) == ("facts-demo", True, 36)
    assert {d.language for d in dataset.documents} == {"zh", "en"}
    for id_ in dataset.slices["facts"]:
        (text,) = [d.fields["input"] for d in dataset.documents if d.id == id_]
        for fact in dataset.targets["extraction"][id_].facts:  # type: ignore[union-attr]
            assert fact.subject in text
            assert fact.object in text


words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).filter(str.strip)
stated = st.one_of(
    st.builds(
        StatedFacts, st.lists(st.builds(Fact, words, words, words, words, words), max_size=3).map(tuple)
    ),
    st.builds(StatedFacts, st.just(()), words),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(words, stated), min_size=1, max_size=4))
def test_whatever_is_written_comes_back(tmp_path: Path, rows: list[tuple[str, StatedFacts]]) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(row(write_answer(target), text) for text, target in rows), encoding="utf-8")
    dataset = open_dataset(str(path))
    assert [d.fields["input"] for d in dataset.documents] == [text.strip() for text, _ in rows]

    def stripped(target: StatedFacts) -> StatedFacts:
        facts = tuple(Fact(*(getattr(f, name).strip() for name in Fact.__slots__)) for f in target.facts)
        return StatedFacts(facts, target.label and target.label.strip())

    assert list(dataset.targets["extraction"].values()) == [stripped(target) for _, target in rows]
    write_targets(dataset.targets, tmp_path / "targets.parquet")
    assert read_targets(tmp_path / "targets.parquet") == dataset.targets
    changed = dict(dataset.targets["extraction"])
    changed["rows-1"] = StatedFacts(label="another label than any of these")
    other = type(dataset)(dataset.name, dataset.documents, {"extraction": changed})
    same = type(dataset)("renamed", dataset.documents[::-1], {"extraction": dataset.targets["extraction"]})
    assert other.fingerprint != same.fingerprint
    assert same.fingerprint == type(dataset)("", dataset.documents, dict(same.targets)).fingerprint


def test_reviews_and_facts(shared: Path) -> None:
    folder = shared / "data" / "ie"
    if not folder.is_dir():
        pytest.skip("no data/ie")
    dataset = open_dataset(str(folder))
    parts = list(dataset.parts.values())
    assert (parts.count("train"), parts.count("test")) == (902, 122)
    learned = [id_ for id_, part in dataset.parts.items() if part == "train"]
    train = dataset.only(learned)
    assert {name: len(ids) for name, ids in train.slices.items()} == {"facts": 500, "labels": 402}
    facts = [target for target in dataset.targets["extraction"].values() if isinstance(target, StatedFacts)]
    assert sum(len(target.facts) for target in facts) == 1149
    assert len({target.label for target in facts} - {None}) == 8
    assert {d.language for d in dataset.documents} == {"zh"}
