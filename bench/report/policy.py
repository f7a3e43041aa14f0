"""The verdict of a policy: in at most ten lines for a terminal and for Markdown, and as JUnit XML."""

from __future__ import annotations

from xml.etree import ElementTree

from readbench.core.escape import for_markdown, for_xml, markdown_code
from readbench.gate.policy_verdicts import CheckVerdicts, PolicyVerdicts, Reason
from readbench.report.ci import junit

MOST_LINES = 10


def policy_lines(verdicts: PolicyVerdicts, path: str) -> list[str]:
    """The verdict, then its reasons, the worst first: at most ``MOST_LINES`` lines of plain text."""
    return _cut([_heading(verdicts, path)], [_line(reason) for reason in verdicts.reasons])


def policy_markdown(verdicts: PolicyVerdicts, path: str) -> str:
    """The same lines as a list."""
    mark = {"GO": "✅", "NO-GO": "❌", "INCONCLUSIVE": "❔"}[verdicts.word]
    heading = [f"## {mark} {for_markdown(_heading(verdicts, path))}"]
    items = []
    for reason in verdicts.reasons:
        subject = " ".join(markdown_code(part) for part in (reason.suite, reason.method) if part)
        items.append(f"* {reason.tier}: {subject}: {for_markdown(_what(reason))}")
    first, *rest = _cut(heading, items)
    return "\n".join([first, "", *rest]) + "\n"


def _cut(heading: list[str], lines: list[str]) -> list[str]:
    room = MOST_LINES - len(heading)
    if len(lines) > room:
        hidden = len(lines) - (room - 1)
        lines = [*lines[: room - 1], f"… and {hidden} more: --format json lists them"]
    return heading + lines


def _heading(verdicts: PolicyVerdicts, path: str) -> str:
    judged = sum(check.run is not None for check in verdicts.checks)
    n = len(verdicts.checks)
    what = f"{verdicts.word}: {path}, {judged} of {n} suite{'' if n == 1 else 's'} judged"
    undecided = sum(r.tier == "blocking" and r.verdict == "inconclusive" for r in verdicts.reasons)
    if verdicts.word == "GO" and undecided:
        what += f"; {undecided} inconclusive, which strict = true would refuse"
    return what


def _line(reason: Reason) -> str:
    subject = " ".join(part for part in (reason.suite, reason.method) if part)
    return f"{reason.tier}: {subject}: {_what(reason)}"


def _what(reason: Reason) -> str:
    return (
        f"{reason.what} {reason.verdict}: {reason.why}" if reason.what else f"{reason.verdict}: {reason.why}"
    )


def policy_junit(verdicts: PolicyVerdicts) -> str:
    """One test suite a tier of each check that was judged, and a test case for each that could not be."""
    root = ElementTree.Element("testsuites", name="bench gate")
    for check in verdicts.checks:
        for tier, judged in (("blocking", check.blocking), ("advisory", check.advisory)):
            if judged is not None:
                for suite in ElementTree.fromstring(junit(judged).encode()):
                    suite.set("name", f"{suite.get('name')} ({tier})")
                    root.append(suite)
        if check.absent:
            root.append(_absent(check))
    for attribute in ("tests", "failures", "errors", "skipped"):
        root.set(attribute, str(sum(int(suite.get(attribute, 0)) for suite in root)))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _absent(check: CheckVerdicts) -> ElementTree.Element:
    """Of the blocking tier an error, of the advisory one skipped."""
    name = for_xml(check.check.suite)
    suite = ElementTree.Element("testsuite", name=f"{name} (required)", tests=str(len(check.absent)))
    counts = {"errors": 0, "skipped": 0}
    for reason in check.absent:
        case = ElementTree.SubElement(
            suite, "testcase", classname=name, name=for_xml(reason.method or "the run")
        )
        blocks = reason.tier == "blocking"
        counts["errors" if blocks else "skipped"] += 1
        ElementTree.SubElement(case, "error" if blocks else "skipped", message=for_xml(reason.why))
    for attribute, total in counts.items():
        suite.set(attribute, str(total))
    return suite
