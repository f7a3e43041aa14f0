"""Files that take seconds to make and depend on no run, kept for all results folders of a user.

They lie in the folder ``readbench`` below ``$XDG_CACHE_HOME`` (``~/.cache`` where that is not set). A results
folder gets links to them: nothing is copied, and who empties the cache takes nothing from a result.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from readbench.machine.file_sums import file_sum

MANIFEST = "files.json"
UNUSED_S = 30 * 24 * 3600
"""An entry of the same name that nobody asked for in this time is removed when another is made."""
ABANDONED_S = 24 * 3600
"""A build that was killed leaves a folder; this old, nobody works in it."""

Origin = Literal["kept", "made", "made anew, what was kept is damaged", "made, the cache cannot be written"]


class _File(BaseModel):
    """A file as it was made."""

    model_config = ConfigDict(extra="forbid")

    size: int
    mtime_ns: int
    sha256: str


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "readbench"


def files_from_cache(name: str, digest: str, folder: Path, make: Callable[[Path], None]) -> Origin:
    """Puts into ``folder`` the files that ``make`` writes into an empty folder, and keeps them. ``digest``
    stands for everything that they are made of. Returns where they come from.

    A file that has not the size and time with which it was kept is compared by its SHA-256; where that
    differs, or a file is missing, all are made anew. An entry appears whole or not at all: of two processes
    that make the same, one keeps it and both have the files.
    """
    entry = cache_folder() / "files" / f"{name}-{digest}"
    origin: Origin = "made"
    if os.path.lexists(entry):
        if _is_whole(entry):
            _place(entry, folder)
            with contextlib.suppress(OSError):  # a cache that may only be read serves as well
                os.utime(entry)
            return "kept"
        origin = "made anew, what was kept is damaged"
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=entry.parent))
    except OSError:
        make(folder)
        return "made, the cache cannot be written"
    try:
        make(made)
        _place(made, folder)
        _keep(made, entry)
    except OSError:  # such as a full disk, which need not be the one of the results
        origin = "made, the cache cannot be written"
        if not any(folder.iterdir()):
            make(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    _remove_unused(entry.parent, name, entry)
    return origin


def _is_whole(entry: Path) -> bool:
    try:
        manifest = json.loads((entry / MANIFEST).read_bytes())
        files = {name: _File.model_validate(stored) for name, stored in manifest.items()}
        return bool(files) and all(_is_same(entry / name, known) for name, known in files.items())
    except (OSError, ValueError, AttributeError, ValidationError, RecursionError):
        return False


def _is_same(path: Path, known: _File) -> bool:
    status = path.lstat()
    if status.st_size != known.size or path.is_symlink() or not path.is_file():
        return False
    return status.st_mtime_ns == known.mtime_ns or file_sum(path) == known.sha256


def _place(source: Path, folder: Path) -> None:
    """Links to the files of ``source``, copies where the disk is another one."""
    for path in sorted(source.iterdir()):
        if path.name == MANIFEST:
            continue
        try:
            (folder / path.name).hardlink_to(path)
        except OSError:
            shutil.copyfile(path, folder / path.name)


def _keep(made: Path, entry: Path) -> None:
    """Raises OSError where the entry cannot be written."""
    files = {}
    for path in sorted(made.iterdir()):
        with path.open("rb") as file:
            os.fsync(file.fileno())
        status = path.stat()
        known = _File(size=status.st_size, mtime_ns=status.st_mtime_ns, sha256=file_sum(path))
        files[path.name] = known.model_dump()
    with (made / MANIFEST).open("w", encoding="utf-8") as manifest:
        json.dump(files, manifest, indent=1)
        manifest.flush()
        os.fsync(manifest.fileno())
    if os.path.lexists(entry) and not _is_whole(entry):
        _set_aside(entry)
    try:
        made.rename(entry)
    except OSError:
        if not _is_whole(entry):  # else another process was faster
            raise


def _set_aside(entry: Path) -> None:
    """A damaged entry goes at once: what is removed file by file would look like another damage."""
    aside = Path(tempfile.mkdtemp(prefix=".damaged-", dir=entry.parent))
    try:
        entry.rename(aside / "entry")
    except FileNotFoundError:  # another process was faster
        pass
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _remove_unused(folder: Path, name: str, entry: Path) -> None:
    now = time.time()
    for path in folder.iterdir():
        own = path.name.startswith(f"{name}-") and path != entry
        abandoned = path.name.startswith(".")
        with contextlib.suppress(OSError):
            age = now - path.lstat().st_mtime
            if (own and age > UNUSED_S) or (abandoned and age > ABANDONED_S):
                shutil.rmtree(path, ignore_errors=True)
