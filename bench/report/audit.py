"""An audit for people and tools: terminal, Markdown, JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from readbench.audit.copies import many_groups
from readbench.audit.values import Audit, CopyGroup, FieldProbe, Finding, Score, percent
from readbench.core.escape import for_markdown, json_text, markdown_table

EXAMPLES = 5
"""Groups of copies that are shown."""

MOST_LABELS = 12
MARKS_RULE = "marks: punctuation, length and character classes alone; words: TF-IDF; accuracy, 5 folds"


def render(audit: Audit) -> RenderableType:
    """The findings first, then what they rest on."""
    parts: list[RenderableType] = [Text(heading(audit), style="bold"), Text("")]
    for finding in audit.findings:
        line = Text(
            f"{finding.severity}: {finding.text}", "red" if finding.severity == "finding" else "yellow"
        )
        if finding.ids:
            line.append(f" (such as {', '.join(finding.ids)})", "dim")
        parts.append(line)
    if audit.findings:
        parts.append(Text(""))
    parts += [Text(line) for line in facts(audit)]
    if audit.probes:
        parts += [Text(""), _grid(*_probe_rows(audit)), Text(MARKS_RULE, style="dim")]
    if audit.copies.groups:
        parts += [Text(""), _grid(*_copy_rows(audit.copies.groups))]
    return Group(*parts, Text(""), Text(closing_sentence(audit), style="bold"))


def as_markdown(audit: Audit) -> str:
    lines = [f"**{for_markdown(heading(audit))}**", ""]
    for finding in audit.findings:
        lines.append(f"- **{finding.severity}**: {for_markdown(finding.text + _such_as(finding))}")
    lines += [""] if audit.findings else []
    lines += [*(f"- {for_markdown(line)}" for line in facts(audit)), ""]
    for head, rows in [
        *([_probe_rows(audit)] if audit.probes else []),
        *([_copy_rows(audit.copies.groups)] if audit.copies.groups else []),
    ]:
        lines += [*markdown_table(head, [[for_markdown(cell) for cell in row] for row in rows]), ""]
    return "\n".join([*lines, for_markdown(closing_sentence(audit))])


def as_json(audit: Audit) -> str:
    """Every field of ``Audit`` under its name, and ``exit_status``."""
    value: dict[str, Any] = dataclasses.asdict(audit) | {"exit_status": audit.exit_status}
    return json_text(value, default=dict)


def heading(audit: Audit) -> str:
    sample = f" (a sample of {audit.sample_of:,})" if audit.sample_of else ""
    return f"audit of {audit.dataset}: {audit.documents:,} documents{sample}"


def facts(audit: Audit) -> list[str]:
    """What is so, whether or not it is a finding: fields, classes, gold, copies."""
    fields = ", ".join(f"{name} {count:,}" for name, count in audit.filled.items())
    lines = [decision.sentence() for decision in audit.decisions]
    lines.append(f"fields that are filled: {fields}")
    if audit.labels is not None:
        total = sum(audit.labels.values())
        shown = list(audit.labels.items())[:MOST_LABELS]
        said = ", ".join(f"{label} {count:,} ({percent(count / total)})" for label, count in shown)
        more = len(audit.labels) - len(shown)
        lines.append(f"labels: {said or 'none'}{f' and {more} more' if more else ''}")
    if audit.text is not None:
        lines.append(
            f"full text ({' and '.join(audit.text_fields)}), TF-IDF and logistic regression: "
            f"accuracy {_with_interval(audit.text)}, balanced {audit.text.balanced:.3f}; "
            f"the largest class has {audit.text.majority:.3f}"
        )
    if audit.labels is not None and audit.text is None and len(audit.labels) > 1:
        lines.append("no field was probed: fewer than two labels have five documents")
    if (gold := audit.keyphrases) is not None:
        having = f"{gold.phrases:,} on {gold.documents - gold.without:,} documents"
        shares = ", ".join(f"{percent(share)} in {name}" for name, share in gold.present.items())
        lines.append(f"gold keyphrases: {having}; of them occur {shares or 'none'}")
    copies = audit.copies
    over = (
        f"compared by {' and '.join(copies.fields)}, Jaccard similarity of word triples ≥ {copies.threshold}"
    )
    lines.append(
        f"near-duplicates: {copies.documents:,} documents in {many_groups(len(copies.groups))} ({over})"
        if copies.groups
        else f"near-duplicates: none ({over})"
    )
    return lines


def closing_sentence(audit: Audit) -> str:
    findings = [finding for finding in audit.findings if finding.severity == "finding"]
    notes = len(audit.findings) - len(findings)
    noted = f"; {notes} note{'s' if notes > 1 else ''}" if notes else ""
    if not findings:
        return f"Nothing found{noted}."
    fields = dict.fromkeys(finding.field for finding in findings if finding.field)
    leave = f"; leave out {' and '.join(f'`{name}`' for name in fields)}, or say so" if fields else ""
    return f"{len(findings)} finding{'s' if len(findings) > 1 else ''}{noted}{leave}."


def _such_as(finding: Finding) -> str:
    return f" (such as {', '.join(finding.ids)})" if finding.ids else ""


def _probe_rows(audit: Audit) -> tuple[list[str], list[list[str]]]:
    named = {finding.field for finding in audit.findings if finding.severity == "finding"}

    def row(probe: FieldProbe) -> list[str]:
        mark = probe.telling[0].condition if probe.telling else "–"
        words = "–" if probe.words is None else _with_interval(probe.words)
        name = f"{probe.field} (!)" if probe.field in named else probe.field
        return [name, _with_interval(probe.marks), words, mark]

    return ["field", "marks [95 %]", "words [95 %]", "most telling mark"], [row(p) for p in audit.probes]


def _copy_rows(groups: Sequence[CopyGroup]) -> tuple[list[str], list[list[str]]]:
    def row(group: CopyGroup) -> list[str]:
        shown = ", ".join(group.ids[:3]) + (f" and {len(group.ids) - 3} more" if len(group.ids) > 3 else "")
        parts = " ".join(sorted({part for part in group.parts if part}))
        labels = " ".join(sorted({label for label in group.labels if label}))
        return ["1" if group.exact else f"{group.similarity:.2f}", shown, parts, labels, group.excerpt]

    # Those that matter first: across parts, then of different labels.
    first = sorted(groups, key=lambda g: (-len(set(g.parts)), -len(set(g.labels))))[:EXAMPLES]
    return ["similarity", "documents", "parts", "labels", "text"], [row(group) for group in first]


def _with_interval(score: Score) -> str:
    low, high = score.accuracy_interval
    return f"{score.accuracy:.3f} [{low:.3f} {high:.3f}]"


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for name in head:
        grid.add_column(Text(name), overflow="fold")
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    return grid
