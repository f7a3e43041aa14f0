"""PageRank of a small weighted graph that is held as arrays.

The walk takes the steps that networkx takes, with the same order of sums, so that the ranks are equal to the
last bit: what depends on the order of two nearly equal ranks stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from readbench.adapter import BenchError

DAMPING = 0.85
MOST_STEPS = 100

Vector = NDArray[np.float64]
Ints = NDArray[np.int64]


def ranks_of_dense(weights: Vector, *, bias: Vector | None = None, tolerance: float = 1e-6) -> Vector:
    """The ranks of all nodes, float64 (nodes,), adding up to 1. ``weights``: float64 (nodes, nodes), from the
    row's node to the column's; 0 is no edge. ``bias``, ``tolerance`` and what is raised: as ``_walk``."""
    leaving = _sums_of_rows(weights)
    shares = weights * _inverse(leaving)[:, np.newaxis]
    product = np.empty_like(shares)

    def step(ranks: Vector) -> Vector:
        np.multiply(shares, ranks[:, np.newaxis], out=product)
        # Added row by row: along the last axis numpy would add in pairs.
        arriving: Vector = np.add.reduce(product, axis=0)
        return arriving

    return _walk(step, leaving, bias, tolerance)


def ranks_of_edges(
    nodes: int,
    sources: Ints,
    targets: Ints,
    weights: Vector,
    *,
    bias: Vector | None = None,
    tolerance: float = 1e-6,
) -> Vector:
    """The same of a graph given by its edges, sorted by source and then by target: int64, int64 and float64,
    all (edges,). ``weights`` are whole numbers, whose sums are exact."""
    leaving = _added(weights, sources, nodes)
    shares = weights * _inverse(leaving)[sources]

    def step(ranks: Vector) -> Vector:
        # Adds to each target from the first source to the last, as a sparse matrix does.
        return _added(shares * ranks[sources], targets, nodes)

    return _walk(step, leaving, bias, tolerance)


def _added(values: Vector, nodes_of: Ints, nodes: int) -> Vector:
    found: Vector = np.bincount(nodes_of, weights=values, minlength=nodes).astype(np.float64, copy=False)
    return found


def _sums_of_rows(weights: Vector) -> Vector:
    """As SciPy adds up the rows of a sparse matrix, which has no zeros."""
    edges = weights != 0
    numbers = np.count_nonzero(edges, axis=1)
    some = numbers > 0
    sums = np.zeros(len(weights))
    if some.any():
        sums[some] = np.add.reduceat(weights[edges], (np.cumsum(numbers) - numbers)[some])
    return sums


def _inverse(leaving: Vector) -> Vector:
    return np.divide(1.0, leaving, out=np.zeros_like(leaving), where=leaving != 0)


def _walk(step: Callable[[Vector], Vector], leaving: Vector, bias: Vector | None, tolerance: float) -> Vector:
    """Power iteration of PageRank (Brin and Page 1998, doi:10.1016/S0169-7552(98)00110-X): with a probability
    of 0.85 one ``step`` along an edge, by weight, otherwise to a node drawn from ``bias`` (all alike where it
    is None), as from a node that no edge leaves. It ends where ranks change by less than ``tolerance`` a
    node.

    Raises BenchError after 100 steps.
    """
    nodes = len(leaving)
    alike = np.repeat(1.0 / nodes, nodes)
    drawn = alike if bias is None else bias / bias.sum()
    dead_ends = np.flatnonzero(leaving == 0)
    ranks: Vector = alike
    anew = (1 - DAMPING) * drawn
    for _ in range(MOST_STEPS):
        before = ranks
        ranks = step(before)
        if len(dead_ends):
            ranks += sum(before[dead_ends]) * drawn
        ranks *= DAMPING
        ranks += anew
        if np.absolute(ranks - before).sum() < nodes * tolerance:
            return ranks
    raise BenchError(
        f"the ranks of a graph of {nodes} nodes still change after {MOST_STEPS} steps",
        todo="take the document out",
    )
