"""The documentation as a site: it builds without a warning, loads nothing from elsewhere; no link is dead."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
if not (REPOSITORY / "mkdocs.yml").is_file():
    pytest.skip("the documentation is not part of this copy", allow_module_level=True)
pytest.importorskip("mkdocs", reason="needs the extra docs")

_LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")


class Loaded(HTMLParser):
    """What a page makes a browser load, and whom it lets it connect to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [str(given[name]) for name in ("src", "srcset", "data", "poster") if given.get(name)]
        if tag == "link" and given.get("rel") not in ("canonical", "next", "prev"):
            self.found.append(str(given.get("href")))


def build(folder: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_site_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    done = build(REPOSITORY, tmp_path / "site")
    assert done.returncode == 0, done.stderr
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        loaded = Loaded()
        loaded.feed(page.read_text(encoding="utf-8"))
        # A page of a run is one file, which loads nothing at all.
        assert bool(loaded.found) == (page.parent.name != "boards"), page.name
        assert not [url for url in loaded.found if re.match(r"(\w+:)?//", url)], page.name
    assert "pke.multipartiterank" in (tmp_path / "site" / "boards" / "keyphrases.html").read_text()
    for style in (tmp_path / "site").rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        assert not re.search(r"(url\(|@import )[\"']?(https?:)?//", text), style.name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[no such page](nowhere.md)", "nowhere.md"),
        ("[no such heading](ci.md#nothing)", "#nothing"),
    ],
)
def test_a_broken_link_fails_the_build(tmp_path: Path, text: str, said: str) -> None:
    for folder in ("docs", "results/reference"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    settings = (REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8")
    (tmp_path / "mkdocs.yml").write_text(re.sub(r"  - mkdocstrings:\n(    .*\n)+", "", settings))
    page = tmp_path / "docs" / "query.md"
    page.write_text(f"{page.read_text(encoding='utf-8')}\n{text}\n")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode == 1
    assert said in done.stderr


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "examples/README.md"])
def test_links_of_pages_outside_of_the_site_lead_somewhere(name: str) -> None:
    page = REPOSITORY / name
    targets = [match["target"] for match in _LINK.finditer(page.read_text(encoding="utf-8"))]
    inside = [target for target in targets if not target.startswith("https://")]
    assert inside or name != "README.md"
    for target in inside:
        path, _, heading = target.partition("#")
        assert (page.parent / path).exists(), target
        assert not heading or heading in anchors(page.parent / path), target


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub and the site spell them in links."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_the_readme_is_short_and_says_each_thing_once() -> None:
    lines = (REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150
    headings = [line for line in lines if line.startswith("## ")]
    assert len(headings) == len(set(headings))
    assert headings[0] == "## Two commands"


def test_the_start_page_lists_every_extra() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (REPOSITORY / "docs" / "index.md").read_text(encoding="utf-8")
    listed = {
        name
        for line in page.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert listed == project["optional-dependencies"].keys() - {"dev", "docs"}
