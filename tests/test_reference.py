"""The pages of the reference that are made from the code: nothing is left out, and nothing is old."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import ValidationError

from readbench.planning.suite import Suite, find_suite, load_suite
from readbench.results.cost_table import COST_TABLE
from readbench.tasks import get_task, task_names
from readbench.tasks.metric import Metric

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"

if not REFERENCE.is_dir():
    pytest.skip("docs/ is not part of this copy", allow_module_level=True)


@pytest.fixture(scope="module")
def written() -> Iterator[ModuleType]:
    """``docs/reference/write.py``, as ``make reference`` runs it."""
    sys.path.insert(0, str(REFERENCE))
    spec = importlib.util.spec_from_file_location("docs_reference_write", REFERENCE / "write.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(REFERENCE))


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def accepted(schema: dict[str, Any], path: str = "", root: dict[str, Any] | None = None) -> Iterator[str]:
    """The keys that the JSON schema of a model accepts; what has names of its own in it is ``NAME``."""
    root = schema if root is None else root
    for branch in (*schema.get("anyOf", ()), *schema.get("allOf", ())):
        yield from accepted(branch, path, root)
    if "$ref" in schema:
        yield from accepted(root["$defs"][schema["$ref"].rpartition("/")[2]], path, root)
    if schema.get("type") == "array":
        yield from accepted(schema["items"], path, root)
    if "properties" in schema:
        for name, inner in schema["properties"].items():
            yield f"{path}{name}"
            yield from accepted(inner, f"{path}{name}.", root)
    elif isinstance(schema.get("additionalProperties"), dict):
        yield from accepted(schema["additionalProperties"], f"{path}NAME.", root)


def test_the_suite_page_names_every_key_that_the_models_accept() -> None:
    named = set(re.findall(r"^\| `([\w.]+)` \|", page("suite.md"), re.MULTILINE))
    keys = set(accepted(Suite.model_json_schema()))
    assert {"limits.timeout", "tasks.NAME.tuned.params", "tasks.NAME.split.folds"} <= keys
    assert named == keys


def test_every_key_of_a_suite_is_described() -> None:
    for line in page("suite.md").splitlines():
        if line.startswith("| `"):
            assert line.split("|")[-2].strip(), line


def test_the_example_of_the_suite_page_is_a_suite(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```toml\n(.*?)^```", page("suite.md"), re.MULTILINE | re.DOTALL)
    path = tmp_path / "suite.toml"
    path.write_text(text)
    suite = load_suite(find_suite(str(path)))
    assert suite.tasks["keyphrases"].tuned[0].params == {"window": (2, 10)}
    with pytest.raises(ValidationError):
        Suite.model_validate({"name": "x", "tasks": {"keyphrases": {"methods": ["a"]}}, "unknown": 1})


def test_the_command_page_names_every_verb_and_every_option(written: ModuleType) -> None:
    sections = re.split(r"^## ", page("command-line.md"), flags=re.MULTILINE)
    by_verb = {text.partition("\n")[0].removeprefix("bench "): text for text in sections[1:]}
    commands = dict(written.command_page.commands())
    assert by_verb.keys() == {"Options of every verb", *commands}
    for verb, command in {"Options of every verb": written.command_page.definition(), **commands}.items():
        for parameter in command.params:
            for name in (*parameter.opts, *parameter.secondary_opts):
                shown = name if name.startswith("-") else str(parameter.metavar or name.upper()).strip("[].")
                assert f"`{shown}`" in by_verb[verb], (verb, name)
            assert " ".join((parameter.help or "").split())[:20].replace("|", "\\|") in by_verb[verb]


def all_metrics() -> list[Metric]:
    return [metric for name in task_names() for metric in get_task(name).metrics]


def test_the_metrics_page_names_every_metric_and_cost() -> None:
    lines = [line.split(" | ") for line in page("metrics.md").splitlines() if line.startswith("| `")]
    rows = {line[0].strip("| `"): line for line in lines}
    assert rows.keys() == {metric.id for metric in all_metrics()} | COST_TABLE.keys()
    for metric in all_metrics():
        assert rows[metric.id][2] == f"`{metric.formula}`"
        assert rows[metric.id][4] == ("higher" if metric.higher_is_better else "lower")
    for cost in COST_TABLE.values():
        assert rows[cost.name][1:4] == [
            cost.unit,
            "higher" if cost.higher_is_better else "lower",
            cost.meaning,
        ]


def test_every_metric_has_a_formula_and_a_source() -> None:
    text = page("metrics.md")
    for metric in all_metrics():
        assert metric.formula, metric.id
        assert metric.source, metric.id
        assert metric.source.replace("<", "&lt;").replace("*", "\\*") in text
    assert all(cost.meaning for cost in COST_TABLE.values())
