"""Valid texts with one edit: random text alone hardly ever comes near what a reader accepts."""

from __future__ import annotations

from hypothesis import strategies as st


def with_one_edit(texts: st.SearchStrategy[str], marks: str) -> st.SearchStrategy[str]:
    """These texts as they are, or with one of ``marks`` put in, left out, or in the place of a character."""

    def edited(text: str, place: float, mark: str, kind: str) -> str:
        at = round(place * len(text))
        put, left_out = {"none": ("", 0), "in": (mark, 0), "out": ("", 1), "instead": (mark, 1)}[kind]
        return text[:at] + put + text[at + left_out :]

    kinds = st.sampled_from(["none", "in", "out", "instead"])
    return st.builds(edited, texts, st.floats(0, 1), st.sampled_from(marks), kinds)
