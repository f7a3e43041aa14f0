"""Files of UTF-16 and UTF-32 say so in their first bytes; nobody has to name the encoding."""

from __future__ import annotations

import codecs
import gzip

import pytest
from files_of_papers import Write

from readbench.datasets import ReadOptions, open_dataset

MARKS = {
    "utf-8": (codecs.BOM_UTF8, "utf-8"),
    "utf-16-le": (codecs.BOM_UTF16_LE, "utf-16"),
    "utf-16-be": (codecs.BOM_UTF16_BE, "utf-16"),
    "utf-32-le": (codecs.BOM_UTF32_LE, "utf-32"),
    "utf-32-be": (codecs.BOM_UTF32_BE, "utf-32"),
}
TITLE, PHRASE = "Méthodes für 医学", "médecine"
FILES = {
    "papers.csv": f'id,title,keyphrases\n1,"{TITLE}",{PHRASE}\n2,other,thing\n',
    "papers.jsonl": f'{{"id": "1", "title": "{TITLE}", "keyphrases": ["{PHRASE}"]}}\n'
    '{"id": "2", "title": "other", "keyphrases": ["thing"]}\n',
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("encoding", MARKS)
def test_a_mark_is_believed(write: Write, encoding: str, name: str, packed: bool) -> None:
    mark, told = MARKS[encoding]
    content = mark + FILES[name].encode(encoding)
    path = write(f"{name}.gz", gzip.compress(content)) if packed else write(name, content)
    dataset = open_dataset(str(path), ReadOptions(language="fr"))
    assert [document.id for document in dataset.documents] == ["1", "2"]
    assert dataset.documents[0].fields["title"] == TITLE
    assert dataset.targets["keyphrases"]["1"] == (PHRASE,)
    (decision,) = (one for one in dataset.decisions if one.about == "encoding")
    assert decision.chosen == told
