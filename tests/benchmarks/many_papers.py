"""As many papers as wanted, made of the sentences of real ones: what the harness itself costs at scale.

    python tests/benchmarks/many_papers.py PAPERS.csv FOLDER DOCUMENTS

writes ``papers.csv``, ``suite.toml`` and ``methods.py`` (a method that does nothing) into FOLDER. PAPERS.csv
has the columns title, abstract and Keywords, as the files of the xfyun challenge have.
"""

from __future__ import annotations

import csv
import random
import re
import sys
from pathlib import Path

METHODS = '''
from readbench.adapter import Adapter, RankedPhrases


class Nothing(Adapter):
    """Says nothing."""

    name = "scale.nothing"
    tasks = frozenset({"keyphrases"})

    def predict(self, chunk):
        return [RankedPhrases((), ()) for _ in chunk]
'''

SUITE = """
name = "scale"
version = 1
description = "Two methods that cost nothing."

[split]
kind = "holdout"
test = 0.25

[tasks.keyphrases]
methods = ["scale.nothing"]

[tasks.classification]
methods = ["majority"]

[limits]
timeout = "10m"
memory = "4GiB"
"""

_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def write_many_papers(source: Path, folder: Path, documents: int, seed: int = 0) -> None:
    """Titles, sentences and keyphrases are drawn one by one, with replacement. The label is one of two."""
    with source.open(encoding="utf-8", newline="") as file:
        papers = list(csv.DictReader(file))
    titles = [paper["title"] for paper in papers]
    sentences = [sentence for paper in papers for sentence in _SENTENCE.split(paper["abstract"]) if sentence]
    phrases = [
        phrase.strip() for paper in papers for phrase in paper["Keywords"].split(";") if phrase.strip()
    ]
    generator = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "papers.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "title", "abstract", "keywords", "label"])
        for number in range(documents):
            abstract = " ".join(generator.choices(sentences, k=generator.randint(6, 12)))
            keywords = "; ".join(generator.choices(phrases, k=5))
            label = generator.choice("01")
            writer.writerow([f"p{number:06}", generator.choice(titles), abstract, keywords, label])
    (folder / "methods.py").write_text(METHODS, encoding="utf-8")
    (folder / "suite.toml").write_text(SUITE, encoding="utf-8")


if __name__ == "__main__":
    write_many_papers(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
