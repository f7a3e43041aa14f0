"""Plain values, the one error class, units, digests and files.

Every other room may use this one, and it uses none.
"""

__all__ = [
    "clock",
    "damage",
    "digests",
    "errors",
    "escape",
    "files",
    "invalid",
    "names",
    "seeds",
    "toml_files",
    "types",
    "units",
    "usage",
    "vectors",
]
