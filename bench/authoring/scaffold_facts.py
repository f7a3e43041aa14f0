"""The commented suite that `bench init` writes for a dataset of the instruction format."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from readbench.core.types import Dataset
from readbench.planning.suite import Suite


def facts_suite_text(reference: str, place: Path, data: Dataset, suite: Suite) -> str:
    """TOML of a suite that asks for facts and labels; ``suite`` is what was inferred from ``data``."""
    section = suite.tasks["extraction"]
    fields = {name for document in data.documents for name in document.fields}
    counts = {name: len(ids) for name, ids in data.slices.items()}
    split = 'kind = "given" # the dataset\'s own parts'
    if suite.split.kind != "given":
        split = 'kind = "holdout" # the dataset has no parts of its own\ntest = 0.25'
    return SUITE.format(
        place=shlex.quote(str(place)),
        name=_quoted(place.stem),
        dataset=_quoted(reference),
        language=_quoted(section.language or suite.dataset.language),
        facts=counts.get("facts", 0),
        labels=counts.get("labels", 0),
        skipped="".join(f"\n# {count} {what}." for what, count in data.counts.items()),
        split=split,
        fields=", ".join(_quoted(name) for name in section.fields if name in fields),
        primary=_quoted(section.primary or "score"),
        board=", ".join(map(_quoted, section.board)),
        methods="".join(f"    {_quoted(method)},\n" for method in section.methods),
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


SUITE = """\
# A suite: which methods read which texts, how they are scored, and what they may take.
# Written by `bench init`; it runs as it is:    bench run {place}
# Lines that are commented out show an alternative, or the default that holds without them.

name = {name}
version = 1 # raise it when a change makes results incomparable with earlier ones
description = "Facts and labels of my texts: which method, at which cost?"
seed = 20240 # of splits, samples and methods: the same seed gives the same result

# What is read: {facts} documents that ask for facts, {labels} that ask for a label.{skipped}
[dataset]
name = {dataset}
language = {language} # of documents that name none (ISO 639-1)
# encoding = "utf-8"
# max_characters = 1000000 # longer documents are left out and counted

# Which documents are learned from, and which judge.
[split]
{split}

# What is asked. Only these fields are the text that methods read, in this order.
[tasks.extraction]
fields = [{fields}]
primary = {primary} # the metric that ranks; `bench ls metrics` explains them all
board = [{board}] # shown beside it
# `bench ls methods` lists them, `bench ls methods NAME` shows the parameters of one.
methods = [
{methods}]

# What one method may take before it is stopped; it stays on the board, as timeout or out_of_memory.
[limits]
timeout = "60m"
memory = "8GiB"
threads = 2 # of each method's libraries
"""
