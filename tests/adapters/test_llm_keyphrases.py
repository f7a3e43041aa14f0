"""Language models that write keyphrases: what they are taught, how what they say is read, what they reach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import build_llama, create, fitted

from readbench.authoring.conformance import check_method
from readbench.core.errors import BenchError
from readbench.core.types import Dataset, Document
from readbench.tasks.spec import TaskSpec
from readbench_adapters.llm.formats import PhrasesFormat
from readbench_adapters.words.phrase_lists import SEPARATOR, read_phrases

pytest.importorskip("peft")

SPEC = TaskSpec(task="keyphrases", fields=("title", "abstract"))
SHORT = "max_tokens=160, max_new_tokens=40"
NOTHING = Dataset("", ())
GOLD = {"tea": ("tea", "hot drink"), "cup": ("cup", "china")}


def rows(count: int) -> Dataset:
    """Papers about one of two things; the second keyphrase of each does not stand in its text."""
    documents, targets = [], {}
    for index in range(count):
        word = ("tea", "cup")[index % 2]
        documents.append(Document(f"r{index}", {"title": word, "abstract": f"about {word}"}))
        targets[f"r{index}"] = GOLD[word]
    return Dataset("tiny", tuple(documents), {"keyphrases": targets})


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_llama(tmp_path_factory.mktemp("llama"))


def spelled(llama: Path, more: str = "tuning=none", base: str = SHORT) -> str:
    return f"llm[model={llama}, {base}, {more}]"


@pytest.fixture(scope="module")
def taught(llama: Path) -> tuple[Any, dict[str, Any]]:
    """A model that was shown the rows until it knows them."""
    notes: dict[str, Any] = {}
    method = spelled(llama, "tuning=full, epochs=40, learning_rate=0.005, accumulation=1, validation=0.25")
    return fitted(method, rows(24), NOTHING, spec=SPEC, notes=notes), notes


def test_absent_phrases_are_learned(taught: tuple[Any, dict[str, Any]]) -> None:
    method, notes = taught
    assert isinstance(method.format, PhrasesFormat)
    data = rows(8)
    said = method.predict(data.documents)
    right = [said[i].phrases == data.targets["keyphrases"][f"r{i}"] for i in range(8)]
    assert sum(right) >= 6
    assert said[0].scores == (1.0, 0.5)
    assert notes["unparsable"]["answers"] <= 1
    assert notes["validation"] == {"documents": 6, "source": "carved from the training part"}


def test_saved_and_restored_it_says_the_same(
    taught: tuple[Any, dict[str, Any]], llama: Path, tmp_path: Path
) -> None:
    method, _ = taught
    method.save(tmp_path)
    again = create(spelled(llama, "tuning=full, epochs=24, learning_rate=0.01"), SPEC)
    again.load()
    again.restore(tmp_path)
    documents = rows(6).documents
    assert again.predict(documents) == method.predict(documents)
    assert method.predict([]) == []


def test_what_an_untaught_model_says_is_counted(llama: Path) -> None:
    """A random model writes one endless word: nothing of it is a phrase."""
    notes: dict[str, Any] = {}
    method = fitted(spelled(llama), NOTHING, NOTHING, spec=SPEC, notes=notes)
    said = method.predict(rows(3).documents)
    empty = [prediction.phrases == () for prediction in said]
    assert notes["unparsable"]["answers"] == sum(empty)
    assert all(len(prediction.phrases) == len(prediction.scores) for prediction in said)


def test_papers_without_gold_teach_nothing(llama: Path) -> None:
    data = rows(4)
    known = {**data.targets["keyphrases"], "r0": ()}
    notes: dict[str, Any] = {}
    fitted(
        spelled(llama, "tuning=full, epochs=2, validation=0.34"),
        Dataset("tiny", data.documents, {"keyphrases": known}),
        NOTHING,
        spec=SPEC,
        notes=notes,
    )
    assert notes["validation"]["documents"] == 1


def test_a_classifier_cannot_write(llama: Path) -> None:
    with pytest.raises(BenchError, match="keyphrases are asked for"):
        create(spelled(llama, "head=classifier"), SPEC).load()


def test_what_is_asked_and_taught() -> None:
    known = PhrasesFormat(SPEC)
    assert known.prompt.endswith(
        "separated by semicolons.\nTitle: {title}\nAbstract: {abstract}\nKeyphrases: "
    )
    assert known.write(("a b", "c")) == "a b; c"
    with pytest.raises(BenchError, match="target is not a list of keyphrases but str"):
        known.write("tea")


def test_half_a_phrase_is_none() -> None:
    read = PhrasesFormat(SPEC).read
    half, whole = (read("deep learning; support vec", whole=whole) for whole in (False, True))
    assert half is not None
    assert half.phrases == ("deep learning",)
    assert whole is not None
    assert whole.phrases[1] == "support vec"
    assert read("support vec", whole=False) is None


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("deep learning; neural networks.", ("deep learning", "neural networks")),
        ("deep learning, neural networks, Deep Learning", ("deep learning", "neural networks")),
        ("Keywords: 1,2-dioxane, toxicology; mice", ("1,2-dioxane, toxicology", "mice")),
        ("1. deep learning\n2. 3-D vision, robots\n", ("deep learning", "3-D vision, robots")),
        ("1. deep learning 2. robots", ("deep learning", "robots")),
        ("- **Deep learning**\n- *robots*", ("Deep learning", "robots")),
        ("Here are the keyphrases:\n\n* tea\n* cup", ("tea", "cup")),
        ("Sure! Key phrases of the paper: tea, cup", ("tea", "cup")),
        ('```json\n["tea, green", "cup"]\n```', ("tea, green", "cup")),
        ("The list is ['tea', \"cup's\"].", ("tea", "cup's")),
        ('["tea", "cup', ("tea", "cup")),
        ("关键词：支持向量机；图像 识别", ("支持向量机", "图像 识别")),
        ("支持向量机、图像识别，分类", ("支持向量机", "图像识别，分类")),
        ("“tea”，“cup”", ("tea", "cup")),
        ("tea\ncup", ("tea", "cup")),
        ("tea", ("tea",)),
        ("3.5 GHz band; convolution (CNN)", ("3.5 GHz band", "convolution (CNN)")),
        ("", ()),
        (" ;,; ", ()),
        ("This paper shows how a method that nobody has tried before can be made to work well.", ()),
        ("本文研究了一种新的基于深度学习的图像识别方法并且在多个公开的数据集上进行了充分的实验", ()),
    ],
)
def test_lists_as_models_write_them(text: str, phrases: tuple[str, ...]) -> None:
    assert read_phrases(text) == phrases


NEXT = (
    "\n\nList the keyphrases of this paper, the most important first, separated by semicolons.\n"
    "Title: Old maps\nAbstract: Maps of cities, and more; how they are read.\nKeyphrases: maps; cities"
)


@pytest.mark.parametrize(
    "end", [NEXT, NEXT.replace("\n\n", "\n"), "\nTitle: Old maps", "\n\nAsk:\nTitle: Old"]
)
@pytest.mark.parametrize("said", ["deep learning; nets", "deep learning, nets.", "1. deep learning\n2. nets"])
def test_a_model_that_runs_on_into_the_next_example_said_what_came_before(said: str, end: str) -> None:
    assert read_phrases(said + end, whole=False) == ("deep learning", "nets")
    assert read_phrases(f"Keyphrases: {said}{end}") == ("deep learning", "nets")


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("deep learning" + NEXT, ("deep learning",)),
        ("Title: X; a story, in three parts\nKeywords: a; b", ("a", "b")),
        ("Title: X\nAbstract: We ask, and answer.\n\n**Key phrases:** a, b", ("a", "b")),
        ("Title: X\nAbstract: We ask\nor answer, and more\nKeywords: a; b", ("a", "b")),
        ("Title: X\n\na; b", ("a", "b")),
        ("a; b\n\nNote: these are all, I think", ("a", "b")),
        ("* text: mining\n* notes: others", ("text: mining", "notes: others")),
        ("I read the paper, and found this.\nThe keyphrases are:\na; b", ("a", "b")),
        ("Sure, here are the top 5 keywords (in order): a; b", ("a", "b")),
        ("Based on the title, the key terms, in order of importance: a; b", ("a", "b")),
        ("The keyphrases of this paper are: a; b", ("a", "b")),
        ("好的，本文的关键词如下：图像；医学", ("图像", "医学")),
        ("noun phrases: detection; parsing", ("noun phrases: detection", "parsing")),
        ("Keyphrase extraction: a survey; parsing", ("Keyphrase extraction: a survey", "parsing")),
        ("parsing; keyphrases: a survey", ("parsing", "keyphrases: a survey")),
        ("COVID-19: vaccines, masks", ("COVID-19: vaccines", "masks")),
        ("- **deep learning**: a method, deep\n- **nets:** others\n- C++", ("deep learning", "nets", "C++")),
        ("* **deep learning** – a method, deep", ("deep learning",)),
        ("- **deep** learning\n- nets: two kinds", ("deep learning", "nets: two kinds")),
        ("p(x|y); b", ("p(x|y)", "b")),
        ("a | b | c", ("a", "b", "c")),
        ("There are no keyphrases.", ()),
        ("Keywords: None", ()),
        ("N/A", ()),
        ("none.", ()),
        ('["None"]', ()),
        ("无", ()),
        ("本文没有关键词。", ()),
        ("No keyphrases are given, I fear.", ()),
        ("I cannot find any keyphrases.", ()),
        ("I'm sorry, but there is no text.", ()),
        ("none; some", ("none", "some")),
        ("no free lunch theorem", ("no free lunch theorem",)),
    ],
)
def test_what_stands_around_a_list_is_no_phrase(text: str, phrases: tuple[str, ...]) -> None:
    assert read_phrases(text) == phrases


@pytest.mark.parametrize(
    ("gold", "taught"),
    [
        (("IL-2;IL-4", "x"), "IL-2,IL-4; x"),
        (("smoothed particles, SPH",), "smoothed particles, SPH;"),
        (("a | b",), "a | b;"),
        (("图像；医学",), "图像，医学;"),
        (("a, b", "c"), "a, b; c"),
    ],
)
def test_gold_that_holds_a_separator_is_read_back_as_many_phrases(gold: tuple[str, ...], taught: str) -> None:
    said = PhrasesFormat(SPEC).write(gold)
    assert said == taught
    assert len(read_phrases(said)) == len(gold)


@given(st.text(max_size=200), st.booleans())
def test_anything_can_be_read(text: str, whole: bool) -> None:
    found = read_phrases(text, whole=whole)
    assert len({phrase.casefold() for phrase in found}) == len(found)
    assert all(phrase.strip() == phrase and any(map(str.isalnum, phrase)) for phrase in found)


WORDS = st.lists(st.text("abcdefgh", min_size=1, max_size=6), min_size=1, max_size=3).map(" ".join)


@given(st.lists(WORDS, min_size=1, max_size=8, unique=True))
def test_what_is_taught_is_read_back(phrases: list[str]) -> None:
    assert read_phrases(SEPARATOR.join(phrases)) == tuple(phrases)


def test_the_protocol_is_kept(llama: Path) -> None:
    method_spec = spelled(llama, "epochs=1, learning_rate=0.01", "max_tokens=300, max_new_tokens=12")
    found = list(check_method(method_spec, only="keyphrases", sources=False))
    assert found
    assert [result for result in found if not result.passed] == []


@pytest.mark.parametrize("answer", ["[{{}: 1}]", "[{{}}]", "[{(): {{}}}]"])
def test_a_list_that_python_cannot_hold_is_passed_over(answer: str) -> None:
    """Sets of what cannot be hashed, and such keys of an object."""
    assert read_phrases(f'{answer} ["deep learning", "nets"]') == ("deep learning", "nets")
