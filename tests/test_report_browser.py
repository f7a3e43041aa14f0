"""The page in a real browser: what people do with it, with the pointer and with the keyboard alone."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from page_runs import ATTACK, PageRuns, make_page_runs

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra dev")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
]

AXE = Path(os.environ.get("AXE_CORE", "node_modules/axe-core/axe.min.js"))
"""axe-core of npm (`npm install axe-core`); AXE_CORE names the file where it lies elsewhere."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> PageRuns:
    return make_page_runs(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@dataclass
class Opened:
    """A page that is open, and everything that it should not have done."""

    page: Page
    problems: list[str] = field(default_factory=list)

    def texts(self, selector: str) -> list[str]:
        return [text.strip() for text in self.page.locator(selector).all_inner_texts()]

    def methods(self, task: int = 0) -> list[str]:
        return self.texts(f"#task-{task} tbody tr:visible summary")

    def documents(self) -> None:
        """Goes down to the documents and waits until they are unpacked."""
        self.page.locator("#documents").scroll_into_view_if_needed()
        self.page.locator("#browser").wait_for(state="visible")


@pytest.fixture
def opened(request: pytest.FixtureRequest, browser: Browser, runs: PageRuns) -> Iterator[Opened]:
    """The page with all texts; the parameter of the test is the width, the colours and what comes after the
    name of the file."""
    chosen: tuple[int, Any, str] = getattr(request, "param", (1280, "light", ""))
    width, scheme, place = chosen
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    found = Opened(context.new_page())
    address = runs.write().as_uri()
    found.page.on("console", lambda message: found.problems.append(f"console: {message.text}"))
    found.page.on("pageerror", lambda error: found.problems.append(f"error: {error}"))
    found.page.on("requestfailed", lambda asked: found.problems.append(f"request: {asked.url}"))

    def requested(asked: Any) -> None:
        if asked.url.partition("#")[0] != address and not asked.url.startswith("blob:"):
            found.problems.append(f"request: {asked.url}")

    def dialog(shown: Any) -> None:
        found.problems.append(f"dialog: {shown.message}")
        shown.dismiss()

    found.page.on("request", requested)
    found.page.on("dialog", dialog)
    found.page.goto(address + place)
    yield found
    context.close()
    assert not found.problems


# -- the board ----------------------------------------------------------------------------------------


def test_columns_sort_and_failures_stay_last(opened: Opened) -> None:
    before = opened.methods()
    assert before[-1] == "toy.failing"
    head = opened.page.locator("#task-0 thead th", has_text=re.compile(r"^method$"))
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert opened.methods()[:-1] == sorted(before[:-1])
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert opened.methods()[:-1] == sorted(before[:-1], reverse=True)
    assert opened.methods()[-1] == "toy.failing"
    metric = opened.page.locator("#task-0 thead th").get_by_role("button", name="f1@10", exact=True)
    metric.click()
    values = opened.texts("#task-0 tbody tr:not(.failed) td:nth-of-type(3)")
    assert values == sorted(values, reverse=True)


def test_the_filter_hides_rows_of_one_task(opened: Opened) -> None:
    opened.page.locator("#task-0").get_by_label("Filter methods").fill("START=1")
    assert opened.methods() == ["toy.words[start=1]"]
    assert len(opened.methods(1)) == 2


def test_all_columns_are_shown_when_asked_for(opened: Opened) -> None:
    hidden = opened.page.locator("#task-0 th.more").first
    assert not hidden.is_visible()
    opened.page.locator("#task-0").get_by_label("all columns").check()
    assert hidden.is_visible()


def test_the_board_is_saved_as_csv(opened: Opened, tmp_path: Path) -> None:
    with opened.page.expect_download() as waiting:
        opened.page.locator("#task-0").get_by_role("button", name="Save as CSV").click()
    waiting.value.save_as(tmp_path / "board.csv")
    lines = (tmp_path / "board.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("method,rank,")
    assert len(lines) == 6


def test_one_method_is_lit_everywhere(opened: Opened) -> None:
    opened.page.locator("#task-0 tbody tr").nth(1).hover()
    lit = opened.page.locator(".lit").evaluate_all("all => all.map(one => one.dataset.m)")
    assert set(lit) == {"0.1"}
    assert len(lit) > 4


def test_another_metric_and_cost_draw_another_chart(opened: Opened) -> None:
    figure = opened.page.locator("#task-0 .choice")
    before = figure.locator(".wide svg").get_attribute("aria-label")
    figure.get_by_role("combobox", name="Cost", exact=True).select_option("memory")
    figure.locator('.wide svg[aria-label*="against memory"]').wait_for()
    assert before != figure.locator(".wide svg").get_attribute("aria-label")
    # What was drawn anew is lit as well.
    opened.page.locator("#task-0 tbody tr").first.hover()
    assert figure.locator(".wide .lit").count() > 0


# -- two methods, and documents -----------------------------------------------------------------------


def test_two_methods_head_to_head(opened: Opened) -> None:
    pair = opened.page.locator("#task-0 .pair")
    pair.get_by_role("combobox", name="A", exact=True).select_option("toy.words")
    pair.get_by_role("combobox", name="B", exact=True).select_option("toy.words[start=4]")
    said = pair.locator(".verdict").inner_text()
    found = re.search(r"minus B: ([+−])(\d\.\d+) \(95 % interval of this pair (\S+) to (\S+)\)", said)
    assert found is not None
    low, high = (float(text.replace("−", "-")) for text in found.groups()[2:])
    difference = float(f"{found[1]}{found[2]}".replace("−", "-"))
    assert low < difference < high
    pair.get_by_role("combobox", name="A", exact=True).select_option("toy.words[start=4]")
    pair.get_by_role("combobox", name="B", exact=True).select_option("toy.words")
    turned = pair.locator(".verdict").inner_text()
    assert f"{'−' if found[1] == '+' else '+'}{found[2]}" in turned
    link = pair.locator(".apart a").first
    link.wait_for()
    title = link.inner_text()
    link.click()
    opened.page.locator("#browser").wait_for(state="visible")
    assert opened.page.locator('#list [aria-selected="true"] bdi').inner_text() == title


def test_documents_are_searched_and_chosen(opened: Opened) -> None:
    opened.documents()
    page = opened.page
    assert page.locator("#count").inner_text() == "60 of 60 documents"
    page.get_by_label("Search").fill("p17")
    assert page.locator("#count").inner_text() == "1 of 60 documents"
    assert "p17" in page.locator("#detail").inner_text()
    page.get_by_label("Search").fill("")
    for name in ("only A right", "all wrong", "all right", "A better than B", "B better than A"):
        page.get_by_role("combobox", name="Show", exact=True).select_option(name)
        shown = page.locator("#list li").count()
        assert shown < 60
        assert page.locator("#count").inner_text() == f"{shown} of 60 documents"
    page.get_by_role("combobox", name="Show", exact=True).select_option("all documents")
    page.get_by_role("combobox", name="Task", exact=True).select_option("classification")
    assert "toy.length[longest=30]" in page.locator("#detail").inner_text()


def test_matches_are_marked_in_the_text(opened: Opened) -> None:
    opened.documents()
    opened.page.locator("#list li").nth(2).click()
    gold = opened.texts("#detail mark.gold")
    both = opened.texts("#detail mark.gold.said-by")
    assert gold
    assert both
    named = opened.page.locator("#detail p", has_text="Gold:").inner_text()
    assert all(text.lower() in named.lower() for text in gold)
    assert "absent phrase (not in the text)" in named
    assert any(text.startswith("✓") for text in opened.texts("#detail .match"))


@pytest.mark.parametrize(
    "opened",
    [(1280, "light", f"#d={quote('p&0 <b>')}&m={quote('toy.words[start=1]')}")],
    indirect=True,
)
def test_a_link_opens_a_document_and_a_method(opened: Opened) -> None:
    opened.page.locator("#browser").wait_for(state="visible")
    assert "p&0 <b>" in opened.page.locator("#detail").inner_text()
    assert opened.page.locator("#detail tr.chosen th").inner_text() == "toy.words[start=1]"
    assert opened.page.locator("#list").evaluate("list => list === document.activeElement")


def test_attacks_stay_texts(opened: Opened) -> None:
    opened.documents()
    page = opened.page
    page.get_by_label("Search").fill("alert(1)")
    assert page.locator("#detail h3").inner_text().startswith(ATTACK)
    page.locator("#task-0 details summary").evaluate_all("all => all.forEach(one => one.click())")
    assert page.locator("img").count() == 0
    assert page.locator("script:not([type])").count() == 1


# -- how it is seen -----------------------------------------------------------------------------------


def test_the_theme_is_chosen_and_kept(opened: Opened) -> None:
    page = opened.page

    def paper() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    light = paper()
    button = page.get_by_role("button", name=re.compile("^Theme"))
    for _ in range(2):
        button.click()
    assert button.inner_text() == "Theme: dark"
    dark = paper()
    assert dark != light
    page.reload()
    assert paper() == dark
    page.emulate_media(media="print")
    assert paper() == light


def test_the_keyboard_alone_is_enough(opened: Opened) -> None:
    page = opened.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"

    def go_to(script: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            if page.evaluate(f"(one => {script})(document.activeElement)"):
                return
        pytest.fail(f"Tab does not lead to {script}")

    go_to("one.textContent === 'f1@10' && one.tagName === 'BUTTON'")
    page.keyboard.press("Enter")
    assert page.locator('#task-0 th[aria-sort="ascending"]').inner_text().startswith("f1@10")
    assert opened.methods()[-2] == "toy.words"
    go_to("one.tagName === 'SUMMARY'")
    page.keyboard.press("Enter")
    assert page.locator("#task-0 tbody details[open]").count() == 1
    opened.documents()
    go_to("one.id === 'list'")
    for key, place in (("ArrowDown", 1), ("j", 2), ("ArrowUp", 1), ("End", 59), ("PageUp", 49), ("Home", 0)):
        page.keyboard.press(key)
        assert page.locator("#list").get_attribute("aria-activedescendant") == f"document-{place}"
    assert page.locator(".chart [tabindex]").count() == 0


@pytest.mark.parametrize("opened", [(390, "light", ""), (320, "dark", "")], indirect=True)
def test_a_telephone_scrolls_down_only(opened: Opened) -> None:
    opened.documents()
    width = opened.page.evaluate("document.documentElement.scrollWidth")
    assert width <= opened.page.evaluate("innerWidth")


@pytest.mark.parametrize(
    "opened", [(1280, "light", ""), (1280, "dark", ""), (390, "light", "")], indirect=True
)
def test_axe_finds_nothing(opened: Opened) -> None:
    if not AXE.is_file():
        pytest.skip("no axe-core: npm install axe-core, or AXE_CORE names its axe.min.js")
    opened.documents()
    opened.page.locator("#list li").nth(1).click()
    opened.page.locator("details").evaluate_all("all => all.forEach(one => (one.open = true))")
    opened.page.evaluate(AXE.read_text(encoding="utf-8"))
    found = opened.page.evaluate("axe.run().then(found => found.violations)")
    told = [f"{one['id']}: {one['nodes'][0]['html']} {one['nodes'][0]['failureSummary']}" for one in found]
    assert not told


def test_without_a_script_there_is_a_board(browser: Browser, runs: PageRuns) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(runs.write().as_uri())
    assert page.locator("#task-0 tbody tr").count() == 5
    for part in ("#task-0 .pair", "#task-1 .pair", "#documents"):
        assert "needs JavaScript" in page.locator(part).inner_text()
    assert page.locator("#task-0 .wide svg").first.is_visible()
    context.close()
