"""Digests of values."""

from __future__ import annotations

import hashlib
import json


def digest(value: object) -> str:
    """SHA-256 of a JSON-able value, in hexadecimal."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
