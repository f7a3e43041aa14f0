"""The scripts of ``docs/statistics``, as modules."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def loaded(name: str) -> ModuleType:
    path = Path(__file__).parents[1] / "docs" / "statistics" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"docs_statistics_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
