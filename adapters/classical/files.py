"""scikit-learn estimators as files of skops: read without running anything that the file names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from readbench.adapter import BenchError

TRUSTED = (
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)
"""What skops does not trust by itself and an estimator of ours is made of: the trees of a forest and those of
gradient boosting, which are arrays."""


def write_estimator(estimator: Any, path: Path) -> None:
    """Raises BenchError where the file could not be read back."""
    import skops.io

    skops.io.dump(estimator, path)
    _refuse_unknown(path)


def read_estimator(path: Path) -> Any:
    """Raises BenchError for a file that is absent, damaged, or made of types beyond ``TRUSTED``."""
    import skops.io

    _refuse_unknown(path)
    try:
        return skops.io.load(path, trusted=list(TRUSTED))
    except Exception as error:  # arrays of objects, or of other sizes than the estimator's
        line = str(error).partition("\n")[0]
        raise BenchError(
            f"the saved model cannot be read ({line})", where=str(path), todo="fit the model again"
        ) from error


def _refuse_unknown(path: Path) -> None:
    import skops.io

    try:
        unknown = set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED)
    except Exception as error:  # a zip file and the JSON in it can be damaged in many ways
        raise BenchError(f"this is no model saved by skops: {error}", where=str(path)) from error
    if unknown:
        raise BenchError(
            f"the saved model holds {', '.join(sorted(unknown))}, which is not trusted",
            where=str(path),
            todo="use a model that this program saved",
        )
