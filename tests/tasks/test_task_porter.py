"""The stemmer against NLTK's, on the words of papers, on words made of suffixes and on any text."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.stem import SnowballStemmer

from readbench.datasets import open_dataset
from readbench.text import porter

THEIRS = SnowballStemmer("porter").stem

PIECES = [
    *"aeiouybcdglnrstwxz",
    *("ational", "tional", "enci", "anci", "izer", "bli", "abli", "alli", "entli", "eli", "ousli"),
    *("ization", "ation", "ator", "alism", "iveness", "fulness", "ousness", "aliti", "iviti", "biliti"),
    *("fulli", "logi", "logy", "icate", "ative", "alize", "iciti", "ical", "ful", "ness", "al", "ance"),
    *("ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "sion", "tion", "ou"),
    *("ism", "ate", "iti", "ous", "ive", "ize", "ed", "ied", "eed", "ing", "ies", "sses", "at", "bl"),
    *("iz", "ll", "yy", "*d", "*", "-", "die", "ly", "ying"),
]


def test_words_of_papers() -> None:
    documents = open_dataset("papers-demo").documents
    words = {word for document in documents for text in document.fields.values() for word in text.split()}
    assert len(words) > 500
    lower = {word.lower() for word in words} | {word.lower().strip(".,;:()") for word in words}
    assert [word for word in lower if porter.stem(word) != THEIRS(word)] == []


@given(st.text(max_size=12) | st.sampled_from(["İs", "İ", "SKIES", "Dying", "News", "İng"]))
def test_any_case(word: str) -> None:
    assert porter.stem_as_written(word) == str(THEIRS(word)).lower()


def test_words_made_of_suffixes() -> None:
    draw = random.Random(11)
    words = {"".join(draw.choices(PIECES, k=draw.randrange(1, 7))) for _ in range(60_000)}
    assert [word for word in words if porter.stem(word) != THEIRS(word)] == []
    # The cases are not degenerate: most words lose or change something.
    assert sum(porter.stem(word) != word for word in words) > len(words) / 2


@given(st.text().map(str.lower) | st.lists(st.sampled_from(PIECES), max_size=6).map("".join))
def test_any_text(word: str) -> None:
    assert porter.stem(word) == THEIRS(word)


@pytest.mark.parametrize(
    ("word", "stem"),
    [
        *(
            ("skies", "sky"),
            ("dying", "die"),
            ("news", "news"),
            ("innings", "inning"),
            ("proceed", "proceed"),
        ),
        *(("is", "is"), ("s", "s"), ("", ""), ("dies", "die"), ("flies", "fli"), ("died", "die")),
        *(("spied", "spi"), ("enjoy", "enjoy"), ("happy", "happi"), ("theology", "theolog")),
        *(("hopping", "hop"), ("falling", "fall"), ("filing", "file"), ("agreed", "agre"), ("sing", "sing")),
        *(("relational", "relat"), ("generalizations", "gener"), ("fully", "fulli"), ("adoption", "adopt")),
        *(("controlling", "control"), ("roll", "roll"), ("databases", "databas"), ("databas", "databa")),
        *(("out-of-print", "out-of-print"), ("object-oriented", "object-ori"), ("naïve", "naïv")),
    ],
)
def test_by_hand(word: str, stem: str) -> None:
    assert porter.stem(word) == stem == THEIRS(word)


@pytest.mark.parametrize(
    ("phrase", "key"),
    [
        ("Object-oriented  Designs", "object-ori design"),
        ("\tNeural\u00a0networks\n", "neural network"),
        ("(0, 1)-matrices", "(0, 1)-matric"),
        (" ", ""),
    ],
)
def test_key(phrase: str, key: str) -> None:
    assert porter.key(phrase) == key


def test_scoring_needs_no_nltk() -> None:
    code = (
        "import sys, readbench.tasks.keyphrases as k; k.porter.key('a graph'); print('nltk' in sys.modules)"
    )
    paths = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=paths, check=True)
    assert done.stdout.strip() == "False"
