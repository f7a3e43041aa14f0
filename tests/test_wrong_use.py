"""Forty wrong uses, forty good lines: each says what is wrong, where, and what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from readbench.cli import main

PAPERS = "id,title,abstract,Keywords\n" + "".join(
    f"{i},Title {i},Some abstract about graphs {i},graphs; trees\n" for i in range(30)
)
SUITE = '[dataset]\nname = "papers-demo"\n[tasks.keyphrases]\nmethods = ["pke.tfidf"]\n'
FILES = {
    "kp.csv": PAPERS,
    "empty.csv": "",
    "header.csv": "id,title\n",
    "good.toml": SUITE,
    "broken.toml": "[tasks.keyphrases\n",
    "method.toml": SUITE.replace("pke.tfidf", "pke.tfdif"),
    "field.toml": SUITE + 'fields = ["titel", "abstract"]\n',
    "task.toml": SUITE.replace("tasks.keyphrases", "tasks.clasification"),
    "primary.toml": SUITE + 'primary = "f1@11"\n',
    "split.toml": SUITE + '[split]\nkind = "kfolds"\n',
    "key.toml": SUITE.replace("methods", "method"),
    "memory.toml": SUITE + '[limits]\nmemory = "8"\n',
}
TRANSCRIPT = Path(__file__).with_name("wrong_use.txt").read_text(encoding="utf-8")
CASES = dict(one.strip().split("\n") for one in TRANSCRIPT.split("\n\n"))
"""What is typed, and the line that answers. ``{here}`` is the folder, ``{digits}`` a number of 310 digits and
``{first}`` its first 40."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_RESULTS", raising=False)
    return tmp_path.resolve()


def test_there_are_forty() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize("typed", CASES)
def test_one_good_line(here: Path, typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = typed.removeprefix("$ bench ").replace("{digits}", "9" * 310).split()
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    answer = CASES[typed].replace("{here}", str(here)).replace("{first}", "9" * 40)
    assert capsys.readouterr().err == f"{answer}\n"
    # Nothing was measured, and nothing that was there is gone.
    assert not list(here.glob("results/cells/*"))
    assert {name: (here / name).read_text(encoding="utf-8") for name in FILES} == FILES
