"""A set of numbers of eight bytes that takes little more than these: a set of Python's takes about a hundred
bytes for each, and a file may have millions of ids."""

from __future__ import annotations

from array import array

_FREE = 0


class Digests:
    """A hash table without deletion; the numbers are digests, spread already."""

    def __init__(self, slots: int = 1024) -> None:
        self._slots = array("Q", bytes(8 * slots))
        self._taken = 0

    def add(self, digest: int) -> bool:
        """Adds a number of 64 bits; whether it was not there before."""
        if 3 * self._taken >= 2 * len(self._slots):
            self._grow()
        return self._put(digest)

    def _put(self, digest: int) -> bool:
        value = digest & 0xFFFF_FFFF_FFFF_FFFF or 1  # 0 stands for a free slot
        slots, last = self._slots, len(self._slots) - 1
        place = value & last
        while slots[place] != _FREE:
            if slots[place] == value:
                return False
            place = (place + 1) & last
        slots[place] = value
        self._taken += 1
        return True

    def _grow(self) -> None:
        old = self._slots
        self._slots, self._taken = array("Q", bytes(16 * len(old))), 0
        for digest in old:
            if digest != _FREE:
                self._put(digest)
