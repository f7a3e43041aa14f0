"""Comparisons and the gate's decisions for CI: Markdown for a job summary or a comment, annotations of GitHub
Actions, and JUnit XML."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

from readbench.compare.runs import MethodChange, RunComparison
from readbench.core.errors import BenchError
from readbench.core.escape import ci_command, for_markdown, for_xml, html_code, markdown_code, markdown_table
from readbench.gate.verdicts import NOTHING_MEASURED, Decision, Verdicts
from readbench.report.comparison import (
    closing,
    flips_in_words,
    moved_flips,
    number,
    ratio_of,
    show_change,
    show_value,
    shown_costs,
    verdict_of,
)

MARKS = {
    "pass": "✅",
    "regressed": "❌",
    "inconclusive": "❔",
    "incomparable": "⚠️",
    "reported": "ℹ️",
    "new": "🆕",
}
FLIPS_IN_MARKDOWN = 50


def comparison_markdown(comparison: RunComparison) -> str:
    """The same content as in a terminal."""
    lines = [_heading(comparison), ""]
    if comparison.incomparable:
        return "\n".join(lines)
    lines += markdown_table(
        ["method", "metric", "before", "after", "change (95 %)", "p", "verdict"],
        (
            [
                markdown_code(method.method),
                change.metric,
                number(change.before),
                number(change.after),
                show_change(change),
                "–" if change.p is None else f"{change.p:.3f}",
                for_markdown(verdict_of(change)),
            ]
            for method in comparison.methods
            for change in method.metrics
        ),
    )
    silent = [method for method in comparison.methods if not method.metrics]
    lines += [
        f"* {markdown_code(method.method)}: {method.state}: {for_markdown(why)}"
        for method in silent
        for why in (method.why_without_text or method.why,)
    ]
    lines += [
        "",
        *markdown_table(
            ["method", "cost", "before", "after", "ratio", ""],
            (
                [
                    markdown_code(method.method),
                    cost.cost,
                    cost.definition.show(cost.before),
                    cost.definition.show(cost.after),
                    ratio_of(cost),
                    for_markdown(cost.why),
                ]
                for method in comparison.methods
                for cost in shown_costs(method)
            ),
        ),
        "",
        *_flips(comparison.methods),
    ]
    return "\n".join(lines)


def verdicts_markdown(verdicts: Verdicts) -> str:
    """For a job summary or a comment: how it ended, every decision, and the documents that flipped."""
    status = {0: "✅", 1: "❌"}.get(verdicts.exit_status, "⚠️")
    lines = [
        f"### {status} bench gate: {for_markdown(closing(verdicts))}",
        "",
        _heading(verdicts.comparison),
        "",
    ]
    if verdicts.decisions:
        lines += markdown_table(
            ["", "method", "threshold", "before", "after", "why"],
            (
                [
                    f"{MARKS[d.verdict]} {d.verdict}",
                    markdown_code(d.method),
                    for_markdown(d.threshold or "it runs"),
                    show_value(d.what, d.before),
                    show_value(d.what, d.after),
                    for_markdown(d.why_for_everybody),
                ]
                for d in sorted(verdicts.decisions, key=_worst_first)
            ),
        )
        lines.append("")
    lines += _flips(verdicts.comparison.methods)
    return "\n".join([*lines, *map(for_markdown, verdicts.remarks)]) + "\n"


def _worst_first(decision: Decision) -> int:
    order = ("regressed", "incomparable", "inconclusive", "new", "reported", "pass")
    return order.index(decision.verdict)


def _heading(comparison: RunComparison) -> str:
    before, after = comparison.before.manifest, comparison.after.manifest
    where = f"{for_markdown(after.suite)} on {for_markdown(after.dataset)}"
    lines = [f"{markdown_code(after.name)} against {markdown_code(before.name)}: {where}."]
    lines += [f"**Incomparable:** {for_markdown(reason)}." for reason in comparison.incomparable]
    lines += [f"{for_markdown(note)}." for note in comparison.notes]
    return "\n\n".join(lines)


def _flips(methods: Iterable[MethodChange]) -> list[str]:
    lines: list[str] = []
    for method in methods:
        if not method.flips:
            continue
        moved = moved_flips(method)
        what = for_markdown(flips_in_words(method))
        if not moved:
            lines += [f"{markdown_code(method.method)}: {what}.", ""]
            continue
        lines += [f"<details><summary>{html_code(method.method)}: {what}</summary>", ""]
        lines += markdown_table(
            ["document", f"{method.flip_metric} before", "after"],
            (
                [markdown_code(flip.id), number(flip.before), number(flip.after)]
                for flip in moved[:FLIPS_IN_MARKDOWN]
            ),
        )
        if (more := len(moved) - FLIPS_IN_MARKDOWN) > 0:
            lines += ["", f"… and {more:,} more: `bench compare --format json` lists them."]
        lines += ["", "</details>", ""]
    return lines


def github_annotations(verdicts: Verdicts) -> list[str]:
    """Workflow commands of GitHub Actions, one a decision that somebody must look at, and one for the
    whole where the runs are incomparable.

    https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """
    lines = [ci_command("error", "bench gate", reason) for reason in verdicts.comparison.incomparable]
    flips = {(method.task, method.method): method for method in verdicts.comparison.methods}
    for decision in verdicts.decisions:
        levels = {"regressed": "error", "incomparable": "error", "inconclusive": "warning"}
        level = levels.get(decision.verdict)
        if level is None:
            continue
        method = flips.get((decision.task, decision.method))
        regressed = method is not None and decision.verdict == "regressed"
        flipped = [flip.id for flip in moved_flips(method)[:5]] if method and regressed else []
        worst = f" Worst: {', '.join(flipped)}." if flipped and not decision.relative else ""
        title = f"{decision.method}: {decision.verdict}"
        lines.append(ci_command(level, title, f"{_values(decision)}{decision.why_for_everybody}.{worst}"))
    return lines


def _values(decision: Decision) -> str:
    """``f1@10 0.300 → 0.250: ``, where both are known."""
    if decision.before is None or decision.after is None:
        return ""
    old, new = (show_value(decision.what, value) for value in (decision.before, decision.after))
    return f"{decision.what} {old} → {new}: "


def junit(verdicts: Verdicts) -> str:
    """One test case a decision: a regression is a failure, what could not be compared an error, what is
    inconclusive (a failure where strict) or only reported is skipped. Messages begin with the value before
    and after; the first case of a method has the seconds that its cells took."""
    manifest = verdicts.comparison.after.manifest
    root = ElementTree.Element("testsuites", name="bench gate")
    name = for_xml(manifest.suite)
    suite = ElementTree.SubElement(root, "testsuite", name=name, timestamp=for_xml(manifest.started_at))
    counts = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}

    def case(place: str, name: str, kind: str | None, why: str, seconds: float = 0.0) -> None:
        testcase = ElementTree.SubElement(
            suite, "testcase", classname=for_xml(place), name=for_xml(name), time=f"{seconds:.3f}"
        )
        counts["tests"] += 1
        if kind is None:
            ElementTree.SubElement(testcase, "system-out").text = for_xml(why)
        else:
            counts[kind if kind == "skipped" else f"{kind}s"] += 1
            ElementTree.SubElement(testcase, kind, message=for_xml(why))

    for reason in verdicts.comparison.incomparable:
        case(manifest.suite, "comparable", "error", reason)
    if verdicts.exit_status == NOTHING_MEASURED:
        case(manifest.suite, "measured", "error", closing(verdicts))
    kinds = {
        "regressed": "failure",
        "incomparable": "error",
        "reported": "skipped",
        "inconclusive": "failure" if verdicts.strict else "skipped",
    }
    took = {
        (method.task, method.method): cost.after
        for method in verdicts.comparison.methods
        if (cost := method.cost("wall_s")) is not None
    }
    total_s = sum(seconds for seconds in took.values() if seconds is not None)
    for decision in verdicts.decisions:
        place, what = f"{manifest.suite}.{decision.task}", f"{decision.method} {decision.threshold or 'runs'}"
        seconds = took.pop((decision.task, decision.method), None) or 0.0
        why = f"{_values(decision)}{decision.why_for_everybody}"
        case(place, what, kinds.get(decision.verdict), why, seconds)
    for element in (root, suite):
        element.set("time", f"{total_s:.3f}")
    for attribute, total in counts.items():
        suite.set(attribute, str(total))
        root.set(attribute, str(total))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def write_text(path: Path, text: str, *, append: bool = False) -> None:
    """Raises BenchError, exit status 3, where the file cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if append else "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError as error:
        why = f"it cannot be written: {error.strerror or error}"
        raise BenchError(why, where=str(path), exit_status=3) from error
