"""MinHash signatures of many documents together, beside datasketch's one by one."""

from __future__ import annotations

import numpy as np
from datasketch import MinHash
from pytest_benchmark.fixture import BenchmarkFixture
from side_by_side import side_by_side

from readbench.datasets import near_duplicates


def test_signatures(benchmark: BenchmarkFixture) -> None:
    """2,000 abstracts of 200 shingles."""
    generator = np.random.default_rng(1)
    sets = [generator.integers(0, 1 << 63, 200).astype(np.uint64) for _ in range(2_000)]
    found = {}

    def one_by_one() -> None:
        elements = ((of_one >> np.uint64(32)).astype(np.uint32) for of_one in sets)
        options = {
            "num_perm": near_duplicates.PERMUTATIONS,
            "seed": 1,
            "scheme": "affine32",
            "hashfunc": same,
        }
        found["before"] = np.array([sketch.hashvalues for sketch in MinHash.generator(elements, **options)])

    def together() -> None:
        found["after"] = near_duplicates._signatures(sets)

    assert (
        side_by_side(benchmark, "MinHash of 2,000 documents, 200 shingles each", one_by_one, together) > 1.5
    )
    np.testing.assert_array_equal(found["before"], found["after"])


def same(value: int) -> int:
    return value
