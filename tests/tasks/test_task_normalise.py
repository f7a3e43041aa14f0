"""The house normaliser: spellings that must agree, and its stemmer against NLTK's."""

from __future__ import annotations

import json
import re
import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.stem import PorterStemmer

from readbench.text import normalise
from readbench.text.normalise import key, places, present, stems, words

INSPEC = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "inspec"


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("Out-of-print  materials", ("out", "of", "print", "materials")),
        ("  [wavelength\tservices]. ", ("wavelength", "services")),
        ("O(n log n)", ("o(n", "log", "n")),
        ("C, C++ and C#", ("c", "c++", "and", "c#")),
        ("#tag +1 $5", ("tag", "1", "5")),
        ("Alzheimer’s disease", ("alzheimer's", "disease")),
        ("classi\u00adfication", ("classification",)),
        ("eﬃcient ＣＮＮ", ("efficient", "cnn")),
        ("ÉCOLE Straße ΣΟΦΟΣ", ("école", "straße", "σοφος")),
        ("支持向量机", ("支", "持", "向", "量", "机")),
        ("基于CNN的模型（SVM），RNN、LSTM。", ("基", "于", "cnn", "的", "模", "型", "svm", "rnn", "lstm")),
        ("データ・マイニング", tuple("データマイニング")),
        ("기계 학습", ("기계", "학습")),
        ("-- … “” ?!", ()),
        ("", ()),
    ],
)
def test_words(phrase: str, expected: tuple[str, ...]) -> None:
    assert words(phrase) == expected


def test_every_dash_of_unicode_separates_words() -> None:
    dashes = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) == "Pd"] + ["−", "⁃"]
    assert set(dashes) == set(normalise.HYPHENS)
    for dash in dashes:
        assert words(f"finite{dash}state") == ("finite", "state")


@pytest.mark.parametrize(
    ("language", "phrase", "expected"),
    [
        ("en", "Classifying s", ("classifi", "s")),
        ("EN-gb", "libraries", ("librari",)),
        ("de", "Die Häuser", ("die", "haus")),
        ("fr", "continuellement", ("continuel",)),
        ("es", "aplicaciones", ("aplic",)),
        ("zh", "libraries 机器", ("libraries", "机", "器")),
        ("", "libraries", ("libraries",)),
    ],
)
def test_stemmer_follows_the_language(language: str, phrase: str, expected: tuple[str, ...]) -> None:
    assert stems(phrase, language) == expected


def test_every_named_stemmer_is_installed() -> None:
    for language in normalise._STEMMERS:
        assert len(stems("abc def", language)) == 2


def test_present_is_contiguous_and_keeps_word_borders() -> None:
    text = stems("Waiting for the wave to crest. Wavelength services")
    assert present(stems("waves to"), text)
    assert present(text, text)
    assert not present(stems("wave crest"), text)
    assert not present(stems("length service"), text)
    assert not present((), text)
    assert not present(stems("wave"), ())


def test_no_word_of_inspec_is_stemmed_unlike_nltk() -> None:
    """NLTK's ORIGINAL_ALGORITHM is the same function but for what is kept of "s" and its like: nothing
    in both, where the house keeps the word. NLTK's default mode differs (1 % of words: "play", "ecology")."""
    if not INSPEC.is_dir():
        pytest.skip("the Inspec data is not beside the repository")
    text = (INSPEC / "train.jsonl").read_text(encoding="utf-8").splitlines()[:500]
    vocabulary = {word for line in text for word in re.findall(r"\w+", json.loads(line)["abstract"].lower())}
    assert len(vocabulary) > 5_000
    porter = PorterStemmer(mode=PorterStemmer.ORIGINAL_ALGORITHM)
    plain = {word: porter.stem(word) or word for word in vocabulary}
    assert [word for word, stem in plain.items() if words(word) and stems(word) != (stem,)] == []


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_the_short_way_for_ascii_is_the_long_way(text: str) -> None:
    # A character that vanishes forces the long way.
    assert words(text) == words(text + "\u200b")


@given(st.text())
def test_words_are_clean(text: str) -> None:
    for word in words(text):
        assert word
        assert not any(character.isspace() for character in word)
    assert len(stems(text)) == len(words(text))
    assert key(text) == " ".join(stems(text))


@given(st.lists(st.text(alphabet="abcdefgs", min_size=1), min_size=1), st.data())
def test_hyphens_spaces_and_case_change_nothing(parts: list[str], data: st.DataObject) -> None:
    separators = st.sampled_from(["-", " ", " - ", "–", "\u00a0", "\n", "\u2011", " -- "])
    phrase = parts[0].upper()
    for part in parts[1:]:
        phrase += data.draw(separators) + part
    assert stems(f"({phrase})") == stems(" ".join(parts))


@given(st.lists(st.sampled_from("ab"), max_size=4), st.lists(st.sampled_from("ab"), max_size=12))
def test_present_against_a_plain_search(phrase: list[str], text: list[str]) -> None:
    found = any(text[start : start + len(phrase)] == phrase for start in range(len(text)))
    assert present(phrase, text) == (bool(phrase) and found)


@given(st.text())
def test_places_are_where_the_stems_stand(text: str) -> None:
    found = places(text)
    assert [stem for _, _, stem in found] == list(stems(text))
    assert all(0 <= start < end <= len(text) for start, end, _ in found)
    assert all(one[0] <= other[0] and one[1] <= other[1] for one, other in pairwise(found))


@pytest.mark.parametrize(
    ("text", "language", "parts"),
    [
        ("L'analyse d’images", "fr", ["L", "analyse", "d", "images"]),
        ("« l'_apprentissage » !", "fr", ["l", "apprentissage"]),
        ("jusqu＇alors, aujourd'hui", "fr", ["jusqu", "alors", "aujourd'hui"]),
        ("l\u2019o\u00adeil", "fr", ["l", "o\u00adeil"]),
        ("dell'arte", "it", ["dell", "arte"]),
        ("l'analyse", "en", ["l'analyse"]),
        ("l'ﷺ", "fr", None),
    ],
)
def test_elided_words_have_places_of_their_own(text: str, language: str, parts: list[str] | None) -> None:
    found = places(text, language)
    assert [stem for _, _, stem in found] == list(stems(text, language))
    assert parts is None or [text[start:end] for start, end, _ in found] == parts


@given(st.text(alphabet=st.sampled_from("ldun'’_- .aàéÉ\u00adﬁ½")), st.sampled_from(["fr", "it"]))
def test_places_of_elided_words_are_where_their_stems_stand(text: str, language: str) -> None:
    found = places(text, language)
    assert [stem for _, _, stem in found] == list(stems(text, language))
    assert all(0 <= start < end <= len(text) for start, end, _ in found)
    assert all(one[0] <= other[0] and one[1] <= other[1] for one, other in pairwise(found))
    if text.isascii():
        assert [text[start:end].lower() for start, end, _ in found] == list(words(text, language))


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_places_hold_the_words_as_written(text: str) -> None:
    assert [text[start:end].lower() for start, end, _ in places(text)] == list(words(text))


@given(text=st.text(alphabet=st.sampled_from("-a‐ –é､、'’\u00ad\u200b中ﬁ１Ａ．·"), max_size=30))
def test_a_text_is_translated_only_where_that_changes_it(text: str) -> None:
    assert normalise._translated(text) == text.translate(normalise._TABLE)


def test_a_memo_starts_again_when_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normalise.Memo, "MOST", 3)
    computed: list[str] = []

    def length(text: str) -> int:
        computed.append(text)
        return len(text)

    memo = normalise.Memo(length)
    assert [memo[text] for text in ("a", "bb", "a", "ccc", "dddd", "a")] == [1, 2, 1, 3, 4, 1]
    assert computed == ["a", "bb", "ccc", "dddd", "a"]
    assert len(memo) == 2
