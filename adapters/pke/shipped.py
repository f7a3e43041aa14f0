"""The document frequencies and the topic model that pke ships, turned into arrays once for a user.

For every document pke reads a gzip text of 1.4 million lines, or unpickles a model of 109 MB. The arrays are
kept in the user's cache by the SHA-256 of pke's file and of the code that turns it into arrays.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterator
from pathlib import Path

from readbench.core.digests import digest
from readbench.machine.file_sums import file_sum
from readbench.machine.user_cache import Origin, files_from_cache
from readbench_adapters.pke import arrays
from readbench_adapters.pke.arrays import write_frequencies, write_topics

FREQUENCIES = "df-semeval2010.tsv.gz"
TOPICS = "lda-1000-semeval2010.py3.pickle.gz"


def frequencies_into(folder: Path) -> Origin:
    """Document frequencies of SemEval-2010 as ``arrays.Frequencies`` reads them."""
    return _from_cache("document-frequencies", FREQUENCIES, folder, _write_frequencies)


def topics_into(folder: Path) -> Origin:
    """1,000 topics of SemEval-2010 as ``arrays.open_topics`` reads them."""
    return _from_cache("topics", TOPICS, folder, _write_topics)


def shipped_file(name: str) -> Path:
    import pke

    return Path(pke.__file__).parent / "models" / name


def _from_cache(name: str, file: str, folder: Path, write: Callable[[Path, Path], None]) -> Origin:
    source = shipped_file(file)
    made_of = [file_sum(path) for path in (source, Path(__file__), Path(arrays.__file__))]
    return files_from_cache(f"pke-{name}", digest(made_of), folder, lambda made: write(source, made))


def _write_frequencies(source: Path, folder: Path) -> None:
    write_frequencies(dict(read_frequencies(source)), folder)


def read_frequencies(source: Path) -> Iterator[tuple[str, int]]:
    """N-grams of stems with the number of documents that have them."""
    with gzip.open(source, "rb") as file:
        text = file.read().decode("utf-8")
    if '"' in text:  # quotes have a meaning for whoever wrote it with the module csv
        for ngram, count in csv.reader(io.StringIO(text, newline=""), delimiter="\t"):
            yield ngram, int(count)
        return
    for line in text.split("\n"):
        if line:
            ngram, _, number = line.rpartition("\t")
            yield ngram, int(number)


def _write_topics(source: Path, folder: Path) -> None:
    from pke.utils import load_lda_model

    vocabulary, model = load_lda_model(str(source))
    write_topics(list(vocabulary), model, folder)
