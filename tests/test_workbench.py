"""Preparations in this process: of the documents at hand and of no others, and gone when these are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from of_type import all_of_type

from readbench.adapter import Adapter, Context, Needs, Preparation, PreparationNeed, RankedPhrases
from readbench.core.types import Document
from readbench.engine.workbench import Workbench
from readbench.methods.registry import Method
from readbench.tasks.spec import TaskSpec

BUILT: list[tuple[str, ...]] = []


class Words(Preparation):
    name = "words"

    def build(self, documents: Sequence[Document], folder: Path, context: Context) -> None:
        BUILT.append(tuple(document.id for document in documents))
        (context.scratch / "half-done").write_text("x", encoding="utf-8")
        for document in documents:
            (folder / document.id).write_text(document.fields["title"], encoding="utf-8")

    def open(self, folder: Path) -> dict[str, str]:
        return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


class Titles(Adapter):
    name = "titles"
    tasks = frozenset({"keyphrases"})

    def needs(self) -> Needs:
        return Needs(
            {
                "test": PreparationNeed(Words()),
                "train": PreparationNeed(Words(), ("train",)),
                "nothing": PreparationNeed(Words(), ()),
            }
        )

    def predict(self, chunk: Sequence[Document]) -> list[RankedPhrases]:
        titles = self.context.preparations["test"]
        return [RankedPhrases((titles[document.id],), (1.0,)) for document in chunk]


def papers(title: str, ids: str = "ab") -> list[Document]:
    return [Document(id_, {"title": f"{title} {id_}"}) for id_ in ids]


def workbench(folder: Path) -> Workbench:
    return Workbench(Method(Titles, Titles.Params()), TaskSpec(task="keyphrases"), folder)


def test_other_texts_under_the_same_ids_are_prepared_anew(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    adapter = bench.loaded({"train": papers("old")}, current=True)
    for title in ("red", "green"):
        bench.renew({"test": papers(title)})
        first, second = all_of_type(RankedPhrases, adapter.predict(papers(title)))
        assert (first.phrases, second.phrases) == ((f"{title} a",), (f"{title} b",))


def test_what_was_made_of_earlier_documents_is_removed(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.loaded({"train": papers("old")}, current=True)
    sizes = []
    for block in range(5):
        bench.renew({"test": papers(f"block {block}", ids="abcdefg")})
        sizes.append((len(list(tmp_path.rglob("*"))), len(bench.built)))
    assert len(set(sizes)) == 1
    BUILT.clear()
    bench.renew({"test": papers("last")})
    assert BUILT == [("a", "b")], "of the training part and of no document they are kept"
