"""Is the folder of an encoder whole? Told from its files, before a run begins."""

from __future__ import annotations

from readbench.adapter import BenchError, MissingDependency
from readbench.machine.weights import Weights, find_weights, require_weights
from readbench_adapters.chatglm.checkpoint_files import (
    check_headers,
    read_config,
    refuse_unfinished,
    weight_files,
)


def check_encoder(weights: Weights) -> None:
    """Raises MissingDependency for a folder that is half downloaded, or whose files are damaged: its row is
    told before the run, as one whose weights are absent."""
    try:
        refuse_unfinished(weights.folder)
        read_config(weights.folder)
        check_headers(weight_files(weights.folder))
    except MissingDependency:
        raise
    except BenchError as error:
        raise MissingDependency(error.what, where=error.where, todo=error.todo) from error


def require_encoder(model: str) -> None:
    """Raises MissingDependency where the weights of a name are not on this machine, or damaged."""
    require_weights(model)
    if weights := find_weights(model):
        check_encoder(weights)
