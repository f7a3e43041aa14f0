"""Small methods as texts, for tests that write a file of them and run it. All of them begin with ``HEAD``."""

from __future__ import annotations

HEAD = '''
from readbench.adapter import Adapter, Needs, Params, Preparation, PreparationNeed, RankedPhrases


class Nothing(Preparation):
    """Leaves no file."""

    class Params(Params):
        pass

    def build(self, documents, folder, context):
        pass

    def open(self, folder):
        return folder


class Silent(Adapter):
    """Finds one phrase, whatever the text."""

    tasks = frozenset({"keyphrases"})

    class Params(Params):
        pass

    def predict(self, chunk):
        return [RankedPhrases(("graph",), (1.0,)) for _ in chunk]

'''

TWO = (
    HEAD
    + '''
class Words(Nothing):
    name = "words"

    def build(self, documents, folder, context):
        (folder / "count").write_text(str(len(documents)))

    def open(self, folder):
        return int((folder / "count").read_text())


class First(Silent):
    """The first words of a title."""

    name = "toy.first"

    class Params(Params):
        n: int = 3

    params: Params

    def needs(self):
        return Needs({"words": PreparationNeed(Words())})

    def predict(self, chunk):
        titles = [document.fields.get("title", "").lower().split() for document in chunk]
        return [self.phrases(words[: self.params.n]) for words in titles]

    def phrases(self, words):
        found = tuple(dict.fromkeys(words))
        return RankedPhrases(found, tuple(float(len(found) - place) for place in range(len(found))))


class Last(First):
    """The same from behind."""

    name = "toy.last"

    def phrases(self, words):
        return super().phrases(words[::-1])
'''
)
"""Two methods, ``toy.first`` and ``toy.last``, that share a preparation."""

PREPARED = (
    HEAD
    + """
class Words(Nothing):
    name = "words"


class Toy(Silent):
    name = "toy.one"

    def needs(self):
        return Needs({"words": PreparationNeed(Words())})
"""
)
"""``toy.one`` with a preparation of all its documents."""

CHARGED = (
    HEAD
    + """
class Tables(Nothing):
    name = "tables"  # of no document


class Words(Nothing):
    name = "words"  # of the test documents, built from the tables

    def needs(self):
        return {"tables": PreparationNeed(Tables(), parts=())}


class Counts(Nothing):
    name = "counts"  # of the training documents


class Chained(Silent):
    name = "toy.chained"

    def needs(self):
        counts = PreparationNeed(Counts(), parts=("train",))
        return Needs({"words": PreparationNeed(Words()), "counts": counts})
"""
)
"""``toy.chained`` with a preparation of each kind: of test documents, of training documents, of none."""


def chain(base: str, upper: str) -> str:
    """``toy.chained`` with a preparation ``upper`` that is built from ``base``; what each does is given."""
    return (
        HEAD
        + f"""
class Base(Nothing):
    name = "base"

    def build(self, documents, folder, context):
        {base}


class Upper(Nothing):
    name = "upper"

    def needs(self):
        return {{"base": PreparationNeed(Base(), parts=())}}

    def build(self, documents, folder, context):
        {upper}


class Chained(Silent):
    name = "toy.chained"

    def needs(self):
        return Needs({{"upper": PreparationNeed(Upper())}})
"""
    )
