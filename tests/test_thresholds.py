"""Thresholds as they are written on the command line and in TOML."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from damaged_texts import with_one_edit
from hypothesis import given, settings
from hypothesis import strategies as st

from readbench.core.errors import BenchError
from readbench.gate.thresholds import Thresholds, check_names, parse_threshold, read_thresholds


@pytest.mark.parametrize(
    ("text", "name", "kind", "amount"),
    [
        ("accuracy:-0.5pp", "accuracy", "points", 0.005),
        ("f1@10:-1pp", "f1@10", "points", 0.01),
        ("jcdl2020.f1@10:-.5pp", "jcdl2020.f1@10", "points", 0.005),
        ("documents_per_s:-10%", "documents_per_s", "relative", 0.1),
        ("peak_memory_bytes:+10%", "peak_memory_bytes", "relative", 0.1),
        ("peak_memory_bytes:+100MiB", "peak_memory_bytes", "absolute", 100 * 2**20),
        ("predict_s:+1.5m", "predict_s", "absolute", 90.0),
        ("ece:+0.02", "ece", "absolute", 0.02),
        ("f1@10:-0pp", "f1@10", "points", 0.0),
    ],
)
def test_what_can_be_written(text: str, name: str, kind: str, amount: float) -> None:
    found = parse_threshold(text)
    assert (found.name, found.kind) == (name, kind)
    assert found.amount == pytest.approx(amount)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "f1@10",
        "f1@10:1pp",
        "f1@10:-",
        "f1@10:-1 points",
        "f1@10:-1GiB",
        ":-1pp",
        "f1@10:-1pp extra",
        "documents_per_s:+10%",
        "peak_memory_bytes:-10%",
        "predict_s:+10MiB",
        "predict_s:+1pp",
        "f1@10:--1pp",
        "f1@10:-100%",
        "documents_per_s:-150%",
        "mcc:-1",
        "mcc:-0.5",
        "brier:+0.1",
        "f1@10:-0.25",
        "mcc:-100pp",
        "f1@10:-0.5",
        "f1@10:-50pp",
        "ece:+0.5",
    ],
)
def test_what_cannot(text: str) -> None:
    with pytest.raises(BenchError):
        parse_threshold(text)


valid = st.builds(
    "{}:{}{}{}".format,
    st.sampled_from(["f1@10", "map", "ece", "documents_per_s", "predict_s", "peak_memory_bytes"]),
    st.sampled_from("+-"),
    st.sampled_from(["1", "0.5", "10"]),
    st.sampled_from(["pp", "%", "s", "MiB", ""]),
)


def test_any_text_is_a_threshold_or_one_clear_line() -> None:
    parsed: list[bool] = []

    @settings(derandomize=True)
    @given(st.one_of(with_one_edit(valid, "+-:%.p0 "), st.text(max_size=30)))
    def tried(text: str) -> None:
        told = ""
        try:
            assert parse_threshold(text).amount >= 0
        except BenchError as error:
            told = str(error)
        parsed.append(not told)
        assert not told or ("--fail-on" in told and len(told.splitlines()) == 1)

    tried()
    assert 0.05 < sum(parsed) / len(parsed) < 0.9


def test_relative_and_absolute_tolerance() -> None:
    assert parse_threshold("f1@10:-10%").tolerated(0.4) == pytest.approx(0.04)
    assert parse_threshold("f1@10:-1pp").tolerated(0.4) == pytest.approx(0.01)


TOML = """
fail_on = ["f1@10:-1pp", "peak_memory_bytes:+20%"]
[methods."pke.tfidf"]
fail_on = ["f1@10:-2pp"]
[methods."pke.tfidf[n=2]"]
fail_on = ["f1@10:-3pp"]
[suites.quick]
fail_on = ["map:-1pp"]
[suites.quick.methods."pke.yake"]
fail_on = ["map:-4pp"]
"""


def amounts(thresholds: Thresholds, method: str) -> dict[str, str]:
    return {name: found.text for name, found in thresholds.of(method).items()}


def test_the_more_particular_wins(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.toml"
    path.write_text(TOML)
    quick = read_thresholds(path, "quick")
    memory = {"peak_memory_bytes": "peak_memory_bytes:+20%"}
    assert amounts(quick, "pke.topicrank") == memory | {"f1@10": "f1@10:-1pp", "map": "map:-1pp"}
    assert amounts(quick, "pke.tfidf") == memory | {"f1@10": "f1@10:-2pp", "map": "map:-1pp"}
    assert amounts(quick, "pke.tfidf[n=3]")["f1@10"] == "f1@10:-2pp"
    assert amounts(quick, "pke.tfidf[n=2]")["f1@10"] == "f1@10:-3pp"
    assert amounts(quick, "pke.yake")["map"] == "map:-4pp"
    assert "map" not in amounts(read_thresholds(path, "papers"), "pke.yake")
    given = read_thresholds(path, "quick", ["f1@10:-9pp"])
    assert {amounts(given, m)["f1@10"] for m in ("pke.yake", "pke.tfidf[n=2]")} == {"f1@10:-9pp"}


def test_the_default_holds_where_nobody_says_anything(tmp_path: Path) -> None:
    assert amounts(read_thresholds(None, "quick", (), ["f1@10:-1pp"]), "m") == {"f1@10": "f1@10:-1pp"}
    assert amounts(read_thresholds(None, "quick", ["map:-1pp"], ["f1@10:-1pp"]), "m") == {"map": "map:-1pp"}
    path = tmp_path / "thresholds.toml"
    path.write_text("[methods.other]\nfail_on = ['map:-1pp']\n")
    assert amounts(read_thresholds(path, "quick", (), ["f1@10:-1pp"]), "m") == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("fail_on = 3", "fail_on"),
        ("[suite.quick]\nfail_on = []", "suite"),
        ("fail_on = [", "not TOML"),
        ("[methods.a]\nfail_on = ['f1@10:+']", "methods.a"),
    ],
)
def test_errors_name_file_and_key(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "thresholds.toml"
    path.write_text(text)
    with pytest.raises(BenchError, match=told) as caught:
        read_thresholds(path, "quick")
    assert str(path) in str(caught.value)
    with pytest.raises(BenchError, match="cannot be read"):
        read_thresholds(tmp_path / "absent.toml", "quick")


def test_a_typing_error_guards_nothing_and_is_told() -> None:
    thresholds = Thresholds(((None, (parse_threshold("f1@01:-1pp"),)),))
    with pytest.raises(BenchError, match="did you mean f1@10"):
        check_names(thresholds, ["f1@10", "map"], ["pke.tfidf"])
    thresholds = Thresholds((("pke.tfdif", (parse_threshold("map:-1pp"),)),))
    with pytest.raises(BenchError, match=r"did you mean pke\.tfidf"):
        check_names(thresholds, ["f1@10", "map"], ["pke.tfidf"])
    check_names(Thresholds((("pke.tfidf", ()),)), ["map"], ["pke.tfidf[n=2]"])


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("f1@10:-1", "f1@10:-1pp"),
        ("accuracy:-5", "accuracy:-5pp"),
        ("ece:+2", "ece:+2pp"),
        ("f1@10:-100pp", "f1@10:-1pp"),
        ("mcc:-2", "mcc:-2pp"),
    ],
)
def test_what_lets_everything_be_lost_guards_nothing(text: str, meant: str) -> None:
    with pytest.raises(BenchError, match=re.escape(meant)) as caught:
        parse_threshold(text)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["f1@10:-0.05", "f1@10:-30pp", "mcc:-80pp", "predict_s:+150%", "predict_s:+5", "ece:+200%"]
)
def test_what_guards_something_is_let_through(text: str) -> None:
    assert parse_threshold(text).amount > 0


KNOWN = ("pke.tfidf", "pke.yake", "svm")


def read(folder: Path, text: str, suite: str = "quick") -> Thresholds:
    path = folder / "thresholds.toml"
    path.write_text(text)
    return read_thresholds(path, suite, methods=KNOWN)


def test_a_file_that_several_suites_share_names_what_one_of_them_lacks(tmp_path: Path) -> None:
    text = (
        'fail_on = ["f1@10:-1pp", "accuracy:-1pp"]\n[methods.svm]\nfail_on = ["accuracy:-2pp"]\n'
        '[suites.papers]\nfail_on = ["map:-1pp"]\n'
    )
    check_names(read(tmp_path, text), ["f1@10"], ["pke.tfidf"])
    # In the suite's own part, and on the command line, it must be there.
    for own in (
        '[suites.quick]\nfail_on = ["accuracy:-1pp"]\n',
        '[suites.quick.methods.svm]\nfail_on = ["f1@10:-1pp"]',
    ):
        with pytest.raises(BenchError, match=r"accuracy|svm"):
            check_names(read(tmp_path, own), ["f1@10"], ["pke.tfidf"])
    given = read_thresholds(None, "papers", ["accuracy:-1pp"])
    with pytest.raises(BenchError, match="accuracy"):
        check_names(given, ["f1@10"], ["pke.tfidf"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('fail_on = ["acuracy:-1pp"]', "did you mean accuracy"),
        ('[methods."pke.tfdif"]\nfail_on = ["f1@10:-1pp"]', r"did you mean pke\.tfidf"),
        ('[suites.quik]\nfail_on = ["f1@10:-1pp"]', "did you mean quick"),
        ('[suites.papers]\nfail_on = ["acuracy:-1pp"]', "did you mean accuracy"),
        ('[suites.papers.methods.svn]\nfail_on = ["accuracy:-1pp"]', "did you mean svm"),
    ],
)
def test_what_nobody_has_is_a_typing_error(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BenchError, match=told) as caught:
        read(tmp_path, text)
    assert "thresholds.toml" in str(caught.value)


def test_a_suite_at_hand_need_not_be_one_of_the_known(tmp_path: Path) -> None:
    text = '[suites.mine]\nfail_on = ["f1@10:-1pp"]'
    assert amounts(read(tmp_path, text, "mine"), "m") == {"f1@10": "f1@10:-1pp"}


def test_two_thresholds_of_one_name_are_refused() -> None:
    with pytest.raises(BenchError, match="f1@10 has two thresholds, f1@10:-1pp and f1@10:-5pp"):
        read_thresholds(None, "quick", ("f1@10:-1pp", "mcc:-1pp", "f1@10:-5pp"))
