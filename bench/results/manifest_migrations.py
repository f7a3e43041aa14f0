"""What older versions wrote as the manifest of a run, made into what is read today, one version at a time."""

from __future__ import annotations

import re
from typing import Any

from readbench.results.record import Migration

_CHOSEN = re.compile(
    r"(?P<asked>.*): best of (?P<combinations>\d+) on (?P<documents>\d+) validation documents"
)
_NONE_RAN = re.compile(r"none of (?P<combinations>\d+) combinations ran")
_LEFT_OUT = re.compile(r"skipped: (?P<reason>.*)")
_OTHER_LANGUAGE = re.compile(
    r"documents say that they are in another language than the suite reads, "
    r"(?P<read>.*?) \((?P<listed>.*?)(?P<more>, …)?\)"
)


def _split_of_each_task(data: dict[str, Any]) -> dict[str, Any]:
    """Version 1 had one split for all tasks, of one fold."""
    split = {name: data.pop(name) for name in ("split", "split_hash", "documents")}
    tasks = {
        name: task | split | {"folds": 1, "tested": split["documents"]["test"]}
        for name, task in data["tasks"].items()
    }
    return data | {"tasks": tasks, "schema_version": 2}


def _fields_for_sentences(data: dict[str, Any]) -> dict[str, Any]:
    """Version 2 said in words what was chosen and what was counted in the dataset."""
    cells = [cell | {"chosen": _chosen(cell["method"], cell.get("chosen"))} for cell in data["cells"]]
    left_out, languages, remarks = {}, [], {}
    for words, number in data.pop("dataset_counts").items():
        if skipped := _LEFT_OUT.fullmatch(words):
            left_out[skipped["reason"]] = number
        elif other := _OTHER_LANGUAGE.fullmatch(words):
            pairs = (part.rpartition(" ") for part in other["listed"].split(", "))
            most = {language: int(count) for language, _, count in pairs}
            languages.append({"read": other["read"], "documents": number, "most": most})
        else:
            remarks[words] = number
    counted = {"left_out": left_out, "other_languages": languages, "remarks": remarks}
    return data | counted | {"cells": cells, "schema_version": 3}


def _chosen(method: str, words: str | None) -> dict[str, Any] | None:
    if words is None:
        return None
    if best := _CHOSEN.fullmatch(words):
        return best.groupdict()
    none_ran = _NONE_RAN.fullmatch(words)
    # What was asked for was not kept: its adapter says most of it.
    asked = method.partition("[")[0]
    return {"asked": asked, "combinations": none_ran["combinations"] if none_ran else 1, "documents": None}


MANIFEST_MIGRATIONS: dict[int, Migration] = {1: _split_of_each_task, 2: _fields_for_sentences}
"""From a schema version to the next one, applied in turn."""
