"""Embeddings of phrases, as they go from whoever makes them to whoever compares them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Vectors(Protocol):
    """Embeddings by phrase: float32 (dimensions,), of any length."""

    def __getitem__(self, phrase: str, /) -> NDArray[np.float32]: ...
