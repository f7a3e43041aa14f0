"""Comparisons and the gate's decisions for CI: Markdown for a job summary or a comment, annotations of GitHub
Actions, and JUnit XML."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree

from readbench.compare.runs import MethodChange, RunComparison
from readbench.core.errors import BenchError
from readbench.gate.verdicts import NOTHING_MEASURED, Decision, Verdicts
from readbench.report.comparison import (
    closing,
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
    lines += _table(
        ["method", "metric", "before", "after", "change (95 %)", "p", "verdict"],
        (
            [
                code(method.method),
                change.metric,
                number(change.before),
                number(change.after),
                show_change(change),
                "–" if change.p is None else f"{change.p:.3f}",
                escaped(verdict_of(change)),
            ]
            for method in comparison.methods
            for change in method.metrics
        ),
    )
    silent = [method for method in comparison.methods if not method.metrics]
    lines += [f"* {code(method.method)}: {method.state}: {escaped(method.why)}" for method in silent]
    lines += [
        "",
        *_table(
            ["method", "cost", "before", "after", "ratio", ""],
            (
                [
                    code(method.method),
                    cost.cost,
                    cost.definition.show(cost.before),
                    cost.definition.show(cost.after),
                    ratio_of(cost),
                    escaped(cost.why),
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
    lines = [f"### {status} bench gate: {escaped(closing(verdicts))}", "", _heading(verdicts.comparison), ""]
    if verdicts.decisions:
        lines += _table(
            ["", "method", "threshold", "before", "after", "why"],
            (
                [
                    f"{MARKS[d.verdict]} {d.verdict}",
                    code(d.method),
                    escaped(d.threshold or "it runs"),
                    show_value(d.what, d.before),
                    show_value(d.what, d.after),
                    escaped(d.why),
                ]
                for d in sorted(verdicts.decisions, key=_worst_first)
            ),
        )
        lines.append("")
    lines += _flips(verdicts.comparison.methods)
    return "\n".join([*lines, *map(escaped, verdicts.remarks)]) + "\n"


def _worst_first(decision: Decision) -> int:
    order = ("regressed", "incomparable", "inconclusive", "new", "reported", "pass")
    return order.index(decision.verdict)


def _heading(comparison: RunComparison) -> str:
    before, after = comparison.before.manifest, comparison.after.manifest
    lines = [
        f"{code(after.name)} against {code(before.name)}: {escaped(after.suite)} on {escaped(after.dataset)}."
    ]
    lines += [f"**Incomparable:** {escaped(reason)}." for reason in comparison.incomparable]
    lines += [f"{escaped(note)}." for note in comparison.notes]
    return "\n\n".join(lines)


def _flips(methods: Iterable[MethodChange]) -> list[str]:
    lines: list[str] = []
    for method in methods:
        if not method.flips:
            continue
        n = len(method.flips)
        what = f"{n:,} document{'' if n == 1 else 's'} answered differently"
        lines += [f"<details><summary>{code_html(method.method)}: {what}</summary>", ""]
        lines += _table(
            ["document", f"{method.flip_metric} before", "after"],
            (
                [code(flip.id), number(flip.before), number(flip.after)]
                for flip in method.flips[:FLIPS_IN_MARKDOWN]
            ),
        )
        if n > FLIPS_IN_MARKDOWN:
            lines += ["", f"… and {n - FLIPS_IN_MARKDOWN:,} more: `bench compare --format json` lists them."]
        lines += ["", "</details>", ""]
    return lines


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"|{' --- |' * len(head)}",
        *(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows),
    ]


def code(text: str) -> str:
    """A code span: nothing in it is markup, and it ends at as many backticks as it began with."""
    text = _line(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    padding = " " if "`" in text else ""
    return f"{fence}{padding}{text}{padding}{fence}"


def code_html(text: str) -> str:
    return f"<code>{html.escape(_line(text), quote=False)}</code>"


def escaped(text: str) -> str:
    """Plain text on one line: the error of a method may contain markup, a link, an image or an @name, and
    none of these must take effect."""
    text = html.escape(_line(text), quote=False)
    text = _MARKUP.sub(r"\\\g<0>", text)
    return _MENTION.sub("@<!-- -->", text)


_MARKUP = re.compile(r"[\\`*\[\]~]|(?<![^\W_])_|_(?![^\W_])")
"""What would be markup. An underscore within a word is not: ``peak_memory_bytes`` stays as it is."""
_MENTION = re.compile(r"(?<!\w)@(?=\w)")


def _line(text: str) -> str:
    return " ".join(text.split())


def github_annotations(verdicts: Verdicts) -> list[str]:
    """Workflow commands of GitHub Actions, one a decision that somebody must look at, and one for the
    whole where the runs are incomparable.

    https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """
    lines = [_command("error", "bench gate", reason) for reason in verdicts.comparison.incomparable]
    flips = {(method.task, method.method): method for method in verdicts.comparison.methods}
    for decision in verdicts.decisions:
        levels = {"regressed": "error", "incomparable": "error", "inconclusive": "warning"}
        level = levels.get(decision.verdict)
        if level is None:
            continue
        method = flips.get((decision.task, decision.method))
        flipped = [flip.id for flip in method.flips[:5]] if method and decision.verdict == "regressed" else []
        worst = f" Worst: {', '.join(flipped)}." if flipped and not decision.relative else ""
        values = ""
        if decision.before is not None and decision.after is not None:
            old, new = (show_value(decision.what, value) for value in (decision.before, decision.after))
            values = f"{decision.what} {old} → {new}: "
        title = f"{decision.method}: {decision.verdict}"
        lines.append(_command(level, title, f"{values}{decision.why}.{worst}"))
    return lines


def _command(level: str, title: str, message: str) -> str:
    def data(text: str) -> str:
        return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

    properties = data(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={properties}::{data(message)}"


def junit(verdicts: Verdicts) -> str:
    """One test case a decision: a regression is a failure, what could not be compared an error, what is
    inconclusive (a failure where strict) or only reported is skipped."""
    manifest = verdicts.comparison.after.manifest
    root = ElementTree.Element("testsuites", name="bench gate")
    name = _clean(manifest.suite)
    suite = ElementTree.SubElement(root, "testsuite", name=name, timestamp=_clean(manifest.started_at))
    counts = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}

    def case(place: str, name: str, kind: str | None, why: str) -> None:
        testcase = ElementTree.SubElement(suite, "testcase", classname=_clean(place), name=_clean(name))
        counts["tests"] += 1
        if kind is None:
            ElementTree.SubElement(testcase, "system-out").text = _clean(why)
        else:
            counts[kind if kind == "skipped" else f"{kind}s"] += 1
            ElementTree.SubElement(testcase, kind, message=_clean(why))

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
    for decision in verdicts.decisions:
        place, what = f"{manifest.suite}.{decision.task}", f"{decision.method} {decision.threshold or 'runs'}"
        case(place, what, kinds.get(decision.verdict), decision.why)
    for attribute, total in counts.items():
        suite.set(attribute, str(total))
        root.set(attribute, str(total))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _clean(text: str) -> str:
    """Without the characters that XML has no way to write (https://www.w3.org/TR/xml/#charsets)."""
    return _NO_XML.sub("\ufffd", text)


def write_text(path: Path, text: str, *, append: bool = False) -> None:
    """Raises BenchError, exit status 3, where the file cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if append else "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError as error:
        why = f"it cannot be written: {error.strerror or error}"
        raise BenchError(why, where=str(path), exit_status=3) from error
