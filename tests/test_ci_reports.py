"""What a method says ends up in comments, summaries and XML: it stays text, and they stay whole."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readbench.compare.costs import CostChange
from readbench.compare.flips import Flip
from readbench.compare.runs import MethodChange, MetricChange
from readbench.core.escape import for_markdown as escaped
from readbench.core.escape import html_code as code_html
from readbench.core.escape import markdown_code as code
from readbench.gate.verdicts import Decision, Verdicts
from readbench.report.ci import comparison_markdown, junit, verdicts_markdown
from readbench.report.comparison import closing, flips_line

NASTY = "<locals>.<lambda> ![x](http://y/z.png) **b** `c` | @somebody\nsecond &amp; line"
METHOD = MethodChange("keyphrases", "m", "compared")


def verdicts(
    *decisions: Decision,
    strict: bool = False,
    suite: str = "tested",
    methods: tuple[MethodChange, ...] = (METHOD,),
) -> Verdicts:
    manifest = SimpleNamespace(name="tested-1", suite=suite, dataset="papers", started_at="2024-01-01")
    side = SimpleNamespace(manifest=manifest)
    comparison: Any = SimpleNamespace(before=side, after=side, incomparable=(), notes=(), methods=methods)
    return Verdicts(comparison, decisions, strict)


def decision(verdict: Any, why: str = "because") -> Decision:
    return Decision("keyphrases", "m", "f1@10", verdict, why, threshold="f1@10:-1pp")


def test_text_is_no_markup() -> None:
    found = escaped(NASTY)
    assert "\n" not in found
    assert r"!\[x\](htt<!-- -->p://" in found
    assert "&lt;locals&gt;.&lt;lambda&gt;" in found
    assert r"\*\*b\*\* \`c\`" in found
    assert "@somebody" not in found
    assert "&amp;amp;" in found
    assert escaped("peak_memory_bytes of f1@10") == "peak_memory_bytes of f1@10"
    assert escaped("__init__ failed") == r"\_\_init\_\_ failed"


def test_code_is_shown_as_it_is() -> None:
    assert code("a<b") == "`a<b`"
    assert code("a`b") == "`` a`b ``"
    assert code("two\nlines") == "`two lines`"
    assert code_html("a<b> & c") == "<code>a&lt;b&gt; &amp; c</code>"


def test_every_reason_is_escaped() -> None:
    found = verdicts(decision("regressed", NASTY))
    found = replace(found, remarks=(NASTY,))
    metric = MetricChange("f1@10", True, 0.5, 0.4, "incomparable", why=NASTY)
    cost = CostChange("predict_s", 1.0, 2.0, 2.0, False, NASTY)
    method = replace(METHOD, metrics=(metric,), costs=(cost,))
    compared = comparison_markdown(verdicts(methods=(method,)).comparison)
    for text in (verdicts_markdown(found), compared):
        assert "<lambda>" not in text
        assert "![x]" not in text
        assert "@somebody" not in text
        rows = [line for line in text.splitlines() if "locals" in line and line.startswith("|")]
        assert rows
        assert all(row.count("|") - row.count(r"\|") in (7, 8) for row in rows)


@settings(deadline=None)
@given(st.text(st.characters(), max_size=20))
def test_junit_is_well_formed_whatever_is_said(text: str) -> None:
    found = junit(verdicts(decision("regressed", text), decision("pass", text), suite=text or "s"))
    assert len(ElementTree.fromstring(found.encode()).findall(".//testcase")) == 2


@pytest.mark.parametrize("text", ["a\ufffeb", "a\uffffb", "a\ud800b", "a\x00b", "a\x1bb"])
def test_what_xml_cannot_write_is_replaced(text: str) -> None:
    root = ElementTree.fromstring(junit(verdicts(decision("regressed", text), suite=text)).encode())
    assert root[0].attrib["name"] == "a\ufffdb"
    assert root.findall(".//failure")[0].attrib["message"] == "a\ufffdb"


@pytest.mark.parametrize(("strict", "failures", "skipped"), [(False, "0", "1"), (True, "1", "0")])
def test_inconclusive_under_strict_fails_in_junit_too(strict: bool, failures: str, skipped: str) -> None:
    root = ElementTree.fromstring(junit(verdicts(decision("inconclusive"), strict=strict)).encode())
    assert (root.attrib["failures"], root.attrib["skipped"]) == (failures, skipped)


def test_a_gate_that_measured_nothing_is_no_green_junit() -> None:
    found = verdicts(decision("reported"), methods=(replace(METHOD, state="never"),))
    assert found.exit_status == 3
    assert ElementTree.fromstring(junit(found).encode()).attrib["errors"] == "1"


@pytest.mark.parametrize(
    ("decisions", "strict", "told"),
    [
        (["pass"], False, "Pass: 1 method did not get worse."),
        (
            ["pass", "inconclusive"],
            False,
            "Pass: 1 method did not get worse. 1 inconclusive: a loss is not ruled out; --strict would fail.",
        ),
        (["inconclusive"], False, "Pass: 1 inconclusive: a loss is not ruled out; --strict would fail."),
        (["inconclusive"], True, "No verdict under --strict: 1 inconclusive: a loss is not ruled out."),
        (["new", "reported"], False, "Pass: nothing was judged"),
        ([], False, "Pass: nothing was judged"),
    ],
)
def test_the_last_line_counts_what_was_judged(decisions: list[str], strict: bool, told: str) -> None:
    assert closing(verdicts(*map(decision, decisions), strict=strict)).startswith(told)


def flipped(*values: tuple[float | None, float | None], metric: str = "f1@10") -> MethodChange:
    flips = tuple(Flip(f"d{number}", *pair) for number, pair in enumerate(values))
    return replace(METHOD, flips=flips, flip_metric=metric)


def test_only_documents_whose_score_changed_are_listed() -> None:
    method = flipped((0.5, 0.1), (0.333, 0.333), (None, 0.2))
    said = "m: 3 documents answered differently, 2 of them with another f1@10: d0 0.500→0.100, d2 –→0.200"
    assert flips_line(method) == said
    found = verdicts_markdown(verdicts(methods=(method,)))
    assert "3 documents answered differently, 2 of them with another f1@10" in found
    assert "| `d0` | 0.500 | 0.100 |" in found
    assert "`d1`" not in found


def test_other_answers_with_the_same_scores_are_a_line() -> None:
    method = flipped((0.333, 0.333))
    assert flips_line(method) == "m: 1 document answered differently, none of them with another f1@10"
    found = verdicts_markdown(verdicts(methods=(method,)))
    assert "`m`: 1 document answered differently, none of them with another f1@10." in found
    assert "<details>" not in found


def test_without_a_value_per_document_they_are_all_listed() -> None:
    assert flips_line(flipped((None, None), metric="")) == "m: 1 document answered differently: d0 –→–"


def test_junit_has_the_values_and_the_time() -> None:
    lost = replace(decision("regressed"), before=0.3, after=0.25)
    slow = replace(decision("pass"), what="predict_s", before=1.0, after=1.5, threshold="predict_s:+60%")
    method = replace(METHOD, costs=(CostChange("wall_s", 1.0, 2.5, 2.5, True),))
    root = ElementTree.fromstring(junit(verdicts(lost, slow, methods=(method,))).encode())
    assert root.findall(".//failure")[0].attrib["message"] == "f1@10 0.300 → 0.250: because"
    assert root.findall(".//system-out")[0].text == "predict_s 1.0 s → 1.5 s: because"
    assert [case.attrib["time"] for case in root.findall(".//testcase")] == ["2.500", "0.000"]
    assert root.attrib["time"] == root[0].attrib["time"] == "2.500"
