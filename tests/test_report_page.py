"""The page of a run without a browser: what the file holds, what it must not hold, and how large it is."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from page_runs import ATTACK, SECRET, PageRuns, make_page_runs

import readbench
from readbench.cli import main
from readbench.compare.paired import open_side
from readbench.core.errors import BenchError, DamagedFile
from readbench.core.escape import for_html, for_script
from readbench.report.page import build_page, contents, read_contents
from readbench.report.page.chart_lines import Series, lines_chart
from readbench.report.page.chart_parts import Named
from readbench.report.page.corpus import read_corpus
from readbench.report.page.groups import groupings
from readbench.report.page.history import steps_of
from readbench.report.page.pictures import learning_picture, marks_of
from readbench.report.page.scores import task_scores

VOID = {"meta", "link", "br", "img", "input", "hr", "wbr"}
ADDRESS = re.compile(r"(?:https?:)?//[\w.-]+\.\w+|\burl\(|@import|\bsrc=|\bimport\s*\(")
NAMESPACE = "http://www.w3.org/2000/svg"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> PageRuns:
    return make_page_runs(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def page(runs: PageRuns) -> str:
    return runs.page()


class Outline(HTMLParser):
    """Every element in order, with problems of how they are nested; texts by the element that they are in."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.problems: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)):
            self.problems.append(f"an attribute comes twice in {tag}: {names}")
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"line {self.getpos()[0]}: </{tag}> ends nothing")

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def unpacked(page: str, id_: str) -> Any:
    packed = re.search(rf'id="{id_}">([A-Za-z0-9+/=]*)</script>', page)
    assert packed is not None
    return json.loads(gzip.decompress(base64.b64decode(packed[1])))


# -- the file -----------------------------------------------------------------------------------------


def test_elements_are_nested_and_ids_come_once(page: str) -> None:
    outline = Outline(page)
    assert not outline.problems
    assert not outline.open
    ids = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert len(outline.all("h1")) == 1


def test_links_within_the_page_lead_somewhere(page: str) -> None:
    outline = Outline(page)
    ids = {attributes.get("id") for _, attributes in outline.elements}
    targets = [str(attributes["href"]) for attributes in outline.all("a")]
    assert targets
    assert all(target.startswith("#") and target[1:] in ids for target in targets)


def test_the_policy_allows_the_one_style_and_the_one_script_and_nothing_else(page: str) -> None:
    outline = Outline(page)
    policy = next(
        str(attributes["content"])
        for attributes in outline.all("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.pop("default-src") == "'none'"
    assert rules.pop("base-uri") == "'none'"
    for name, element in (("style-src", "style"), ("script-src", "script")):
        bodies = re.findall(rf"<{element}>(.*?)</{element}>", page, re.DOTALL)
        assert len(bodies) == 1
        digest = base64.b64encode(hashlib.sha256(bodies[0].encode()).digest()).decode()
        assert rules.pop(name) == f"'sha256-{digest}'"
    assert not rules
    assert page.index("Content-Security-Policy") < page.index("<style>") < page.index("<script")


def test_it_names_no_address_and_has_no_inline_handler(page: str) -> None:
    bare = re.sub(r'id="(?:charts|documents-data)">[^<]*<', "><", page).replace(NAMESPACE, "")
    # An attack in a title is text, and may say src=.
    assert not set(ADDRESS.findall(bare)) - {"src="}
    for tag, attributes in Outline(page).elements:
        handlers = [name for name in attributes if name.startswith("on") or name in ("style", "src")]
        assert not handlers, f"{tag} has {handlers}"


def test_texts_of_data_methods_and_errors_stay_texts(page: str) -> None:
    outline = Outline(page)
    assert ATTACK not in page
    assert len([one for one in outline.all("script") if "type" not in one]) == 1
    assert not outline.all("img")
    assert f"toy.words[label={ATTACK}, start=2]" in "".join(outline.texts["summary"])
    assert any(ATTACK in text for text in outline.texts["td"])  # what the failed method said


def test_a_script_of_data_ends_where_it_should() -> None:
    value = {"</script><!--": "<\u2028\ud800\u202e", "n": [1, None]}
    text = for_script(value)
    assert "<" not in text
    assert text.isprintable()
    assert json.loads(text) == value
    assert for_html("<a b='c'>&\x07\u202e\ud800") == "&lt;a b=&#x27;c&#x27;&gt;&amp;\ufffd\ufffd\ufffd"


# -- what it shows ------------------------------------------------------------------------------------


def test_the_board_reads_without_a_script(page: str) -> None:
    outline = Outline(page)
    rows = [attributes for attributes in outline.all("tr") if "data-m" in attributes]
    assert [row["data-m"] for row in rows] == ["0.0", "0.1", "0.2", "0.3", "0.4", "1.0", "1.1"]
    failed = [row["data-m"] for row in rows if row.get("class") == "failed"]
    assert failed == ["0.4"]
    heads = [text.strip() for text in outline.texts["button"]]
    assert [head for head in heads if head in ("method", "rank", "f1@10")] == [
        "method",
        "rank",
        "f1@10",
    ] * 1 + [
        "method",
        "rank",
    ]
    assert {"docs/s", "memory"} <= set(heads)


def test_the_board_is_in_the_order_that_its_head_says(page: str) -> None:
    sorted_by = [attributes for attributes in Outline(page).all("th") if "aria-sort" in attributes]
    assert [attributes["aria-sort"] for attributes in sorted_by] == ["descending", "descending"]
    table = page[page.index("<table") : page.index("</table>")]
    head = re.findall(r'aria-sort="descending">.*?data-column="(\d+)"', table, re.DOTALL)
    rows = re.findall(r"<tr data-m.*?</tr>", table, re.DOTALL)
    cells = [re.findall(r"<td[^>]*>", row)[int(head[0]) - 1] for row in rows if "failed" not in row[:80]]
    values = [float(value) for cell in cells for value in re.findall(r'data-sort="([^"]*)"', cell)]
    assert len(values) == 4
    assert values == sorted(values, reverse=True)


def test_what_is_damaged_is_said_and_the_rest_is_shown(runs: PageRuns, tmp_path: Path) -> None:
    copy = tmp_path / "results"
    shutil.copytree(runs.results, copy)
    side = open_side(runs.names[0], copy)
    lost, unread = (
        cell.key for cell in side.manifest.cells if cell.method in ("toy.words", "toy.words[start=1]")
    )
    (copy / "cells" / lost / "scores.parquet").write_bytes(b"PAR1 and no more")
    (copy / "cells" / unread / "predictions.parquet").write_bytes(b"")
    with pytest.warns(DamagedFile):
        shown = read_contents([open_side(runs.names[0], copy)], texts=True)
    notes = "".join(Outline(build_page(shown, "1")).texts["li"])
    assert "Where documents are compared toy.words is missing" in notes
    assert "toy.words[start=1] is missing: its predictions are gone or damaged" in notes
    shutil.rmtree(copy / "datasets")
    page = build_page(read_contents([open_side(runs.names[0], copy)], texts=True), "1")
    assert "The results folder does not hold the documents" in page
    assert "texts" not in unpacked(page, "documents-data")


def test_documents_hold_gold_and_predictions(page: str) -> None:
    data = unpacked(page, "documents-data")
    place = data["ids"].index("p&0 <b>")
    fields, table, labels = data["texts"][place]
    assert fields[0].startswith(ATTACK)
    gold, texts, absent, _ = table
    assert gold == 3
    assert texts[2] == "absent phrase"
    assert absent == [2]
    words = data["tasks"][0]
    of_first = words["predicted"][words["documents"].index(place)][words["methods"].index("toy.words")]
    # In a list are the forms of it in the text; the normaliser drops punctuation around it.
    first = texts[of_first[0]]
    assert (first[0] if isinstance(first, list) else first) == ATTACK
    assert labels[1][0] in ("0", "1")
    assert len(words["scores"]) == 4
    assert all(len(scores) == len(data["ids"]) for scores in words["scores"])


def test_a_form_that_only_the_normaliser_knows_is_named(page: str) -> None:
    data = unpacked(page, "documents-data")
    entries = [entry for row in data["texts"] for entry in row[1][1] if isinstance(entry, list)]
    assert [f"{SECRET}s", SECRET] in entries


def test_the_page_says_how_to_repeat_it(runs: PageRuns, page: str) -> None:
    manifest = runs.sides()[0].manifest
    values = Outline(page).texts["dd"]
    for wanted in (manifest.fingerprint, manifest.command, manifest.machine["cpu"], manifest.suite_digest):
        assert str(wanted) in values


def test_several_runs_have_a_history(runs: PageRuns) -> None:
    page = build_page(read_contents(runs.sides(*reversed(runs.names)), texts=True), readbench.__version__)
    outline = Outline(page)
    assert not outline.problems
    old, new = runs.names
    assert f"{new} against {old}: " in outline.texts["summary"]
    assert "pass" in outline.texts["strong"]
    cells = [text.strip() for text in outline.texts["td"]]
    assert cells.count("identical") == 6
    assert cells.count("identical predictions") == 6
    assert "history" not in [text.strip() for text in Outline(runs.page()).texts["a"]]


def test_a_change_that_is_more_than_chance_is_marked() -> None:
    method = Named("<m>", "0.1")
    svg = lines_chart(
        [Series(method, [0.1, None, 0.3], ["", "", "better"])], ["a", "b", "c"], "f1", "runs", 560
    )
    ring = re.findall(r"<circle[^>]*class=\"change\"[^>]*><title>([^<]*)</title>", svg)
    assert ring == ["&lt;m&gt;: better"]


def test_a_run_that_did_not_end_is_not_decided(runs: PageRuns) -> None:
    old, new = runs.sides(*runs.names)
    manifest = new.manifest.model_copy(update={"status": "interrupted"})
    (step,) = steps_of([old, replace(new, board=replace(new.board, manifest=manifest))])
    assert (step.before, step.after, step.verdict) == (*runs.names, "not decided")
    assert "the run is interrupted" in step.problem


def test_rows_that_learn_from_more_and_more_are_a_curve(runs: PageRuns) -> None:
    table = runs.sides()[0].board.tables[0]
    assert learning_picture(table, marks_of(table, 0)) is None
    rows = []
    for row, size in zip(table.rows, (125, 500, None, "many", 500), strict=True):
        assert row.record is not None
        params = {"train_documents": size}
        rows.append(replace(row, record=row.record.model_copy(update={"params": params})))
    settings = table.settings.model_copy(update={"documents": {"train": 1000, "test": 60}})
    table = replace(table, rows=tuple(rows), settings=settings)
    picture = learning_picture(table, marks_of(table, 0))
    assert picture is not None
    labels = re.findall(r"<text[^>]*>([\d,]+)</text>", picture.wide)
    assert labels[-3:] == ["125", "500", "1,000"]
    points = re.findall(r'<g data-m="0.2"><title>toy.words</title><path d="([^"]*)"', picture.wide)
    assert [path.count("L") for path in points] == [2]


def test_documents_are_grouped_by_length_label_and_language(runs: PageRuns) -> None:
    side = runs.sides()[0]
    table = side.board.tables[1]
    scores = task_scores(side.board, table, side.store)
    corpus = read_corpus(side.store, side.manifest.fingerprint)
    documents = {
        id_: replace(document, language="pt" if place % 3 else "en")
        for place, (id_, document) in enumerate(corpus.documents.items())
    }
    found = {one.name: one for one in groupings(scores, documents, corpus.targets["classification"])}
    assert set(found) == {"length", "label", "language"}
    assert found["language"].groups == ("pt", "en")
    assert not found["language"].order
    values = np.ones(len(scores.ids))
    for grouping in found.values():
        assert grouping.means(values) == [1.0] * len(grouping.groups)
    right = scores.values["toy.length"]
    means, places = found["label"].means(right), found["label"].places
    assert means[0] == pytest.approx(right[places == 0].mean())


def test_more_documents_than_a_browser_takes_are_left_out(
    runs: PageRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "MOST_DOCUMENTS", 59)
    found = read_contents(runs.sides(), texts=True)
    assert found.why_no_texts == "A page holds the texts of 59 documents at most, and these are 60."
    assert found.documents is not None
    assert "texts" not in found.documents


def test_runs_of_two_suites_are_no_history(runs: PageRuns) -> None:
    side = runs.sides()[0]
    manifest = side.manifest.model_copy(update={"suite": "another"})
    other = replace(side, board=replace(side.board, manifest=manifest))
    with pytest.raises(BenchError, match="2 suites: papers, another"):
        read_contents([side, other], texts=True)


def test_without_texts_there_is_none(runs: PageRuns) -> None:
    page = runs.page(texts=False)
    data = unpacked(page, "documents-data")
    assert "texts" not in data
    assert SECRET not in page
    assert SECRET not in json.dumps(data)
    assert SECRET not in json.dumps(unpacked(page, "charts"))
    assert len(page) < len(runs.page())


def test_a_document_costs_little(runs: PageRuns, page: str) -> None:
    """Beside its text, compressed, what a document adds stays below 200 bytes a method."""
    data = unpacked(page, "documents-data")
    texts = len(gzip.compress(json.dumps([row[0] for row in data["texts"]]).encode(), 9)) * 4 / 3
    whole = len(page) - len(runs.page(texts=False))
    assert whole < texts + len(data["ids"]) * 6 * 200


def test_a_board_shows_itself_in_a_notebook(runs: PageRuns) -> None:
    frame = readbench.leaderboard(runs.names[0], output_path=runs.results)
    shown = Outline(frame._repr_html_())
    assert not shown.problems
    heads = [text.strip() for text in shown.texts["th"]]
    assert {"toy.words", f"toy.words[label={ATTACK}, start=2]", "rank", "docs/s"} <= set(heads)
    assert len(shown.all("svg")) == 2 * 6
    assert not {"style", "script", "button"} & {tag for tag, _ in shown.elements}
    chosen = frame[frame["status"] == "ok"]
    assert type(chosen) is pd.DataFrame
    assert len(chosen) == 6


# -- the verb -----------------------------------------------------------------------------------------


def bench(*arguments: object, status: int = 0) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments)])
    assert (ended.value.code or 0) == status


def test_the_verb_writes_the_page(runs: PageRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "deep" / "page.html"
    bench("report", runs.names[0], "--output", output, "--output-path", runs.results)
    assert f"{output}: " in capsys.readouterr().out
    assert not Outline(output.read_text(encoding="utf-8")).problems


def test_charts_are_files_too(runs: PageRuns, tmp_path: Path) -> None:
    from xml.etree import ElementTree

    plots = tmp_path / "plots"
    output = tmp_path / "page.html"
    bench("report", runs.names[0], "--output", output, "--plots", plots, "--output-path", runs.results)
    names = {path.name for path in plots.glob("*.svg")}
    assert {"keyphrases-rank-ranges.svg", "keyphrases-length.svg"} <= names
    assert "classification-confusion-matrix-of-toy.length.svg" in names
    for path in plots.glob("*.svg"):
        assert ElementTree.parse(path).getroot().tag == f"{{{NAMESPACE}}}svg"
    pytest.importorskip("vl_convert", reason="needs the extra plots")
    for kind, first in (("png", b"\x89PNG"), ("pdf", b"%PDF")):
        assert {path.stem for path in plots.glob(f"*.{kind}")} == {Path(name).stem for name in names}
        assert all(path.read_bytes().startswith(first) for path in plots.glob(f"*.{kind}"))


def test_an_unknown_run_is_one_line(runs: PageRuns, capsys: pytest.CaptureFixture[str]) -> None:
    bench("report", "nothing", "--output-path", runs.results, status=2)
    assert len(capsys.readouterr().err.splitlines()) == 1
