"""The corpora that come with the program, found beside this file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from readbench.core.errors import BenchError
from readbench.core.types import Dataset
from readbench.datasets.options import ReadOptions

FOLDER = Path(__file__).parent

SUMMARIES = MappingProxyType(
    {
        "papers-demo": "written for demonstration: made-up papers with keyphrases and a label, 1 medical, "
        "0 not",
        "facts-demo": "written for demonstration: made-up sentences with their facts, reviews with a label, "
        "in Chinese and English",
    }
)

# The area of a paper decides its label, so that it must not reach a method.
_HIDDEN = frozenset({"area"})


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """An embedded corpus: its name, how many documents it has, and what it is."""

    name: str
    documents: int
    summary: str


def list_embedded() -> list[DatasetInfo]:
    """The embedded corpora that are installed. Their lines are counted, not parsed."""
    return [
        DatasetInfo(name, _count_lines(_file(name)), summary)
        for name, summary in SUMMARIES.items()
        if _file(name).is_file()
    ]


def read_embedded(name: str, options: ReadOptions) -> Dataset:
    """An embedded corpus, marked as a demonstration.

    Raises BenchError where its file is not installed, and for options that do not fit it.
    """
    from readbench.datasets.instruction_reader import InstructionReader
    from readbench.datasets.jsonl_reader import read_json_lines

    path = _file(name)
    if not path.is_file():
        raise BenchError(
            f"the embedded corpus {name} is not installed", where=str(path), todo="install readbench again"
        )
    # Encoding and language are facts about this file, not the user's to say.
    own = options.model_copy(update={"encoding": "utf-8", "language": "en"})
    dataset = (
        InstructionReader().read(path, own)
        if InstructionReader().matches(path)
        else read_json_lines(path, own, _HIDDEN)
    )
    return replace(dataset, name=name, source=name, demo=True)


def _file(name: str) -> Path:
    return FOLDER / f"{name.replace('-', '_')}.jsonl"


def _count_lines(path: Path) -> int:
    with path.open("rb") as lines:
        return sum(1 for line in lines if line.strip())
