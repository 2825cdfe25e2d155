"""What the log of the writers says: gaps without an acknowledged write, errors, acknowledged rows that are gone."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Attempt:
    """One write or connection: ``result`` is `written`, `failed` (it broke under way) or `refused` (no connection)."""

    result: str
    client: int
    number: int
    began: float
    ended: float
    why: str = ""

    @property
    def row(self) -> tuple[int, int]:
        """The row that it writes."""
        return self.client, self.number


def read_attempts(text: str) -> list[Attempt]:
    """Attempts of a log; a line that is being written is left out."""
    whole, _, _ = text.rpartition("\n")
    found = []
    for line in whole.splitlines():
        result, client, number, began, ended, why = line.split("\t", 5)
        found.append(Attempt(result, int(client), int(number), float(began), float(ended), why))
    return found


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without an acknowledged write."""

    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.ended - self.began


def longest_gap(attempts: Iterable[Attempt], began: float, ended: float) -> Gap:
    """The longest time between two acknowledged writes from ``began`` to ``ended``, the edges counting as one each."""
    times = sorted(each.ended for each in attempts if each.result == "written" and began < each.ended < ended)
    edges = [began, *times, ended]
    return max((Gap(*pair) for pair in pairwise(edges)), key=lambda gap: gap.seconds)


def client_gap(attempts: Sequence[Attempt], began: float, ended: float) -> Gap:
    """The longest that any one client went without an acknowledged write."""
    clients = {each.client for each in attempts}
    gaps = [longest_gap((each for each in attempts if each.client == client), began, ended) for client in clients]
    return max(gaps, key=lambda gap: gap.seconds, default=Gap(began, ended))


def lost(attempts: Iterable[Attempt], found: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """Rows that were acknowledged and are not among those ``found`` afterwards."""
    return {each.row for each in attempts if each.result == "written"} - found


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of ``values`` that is no less than ``percent`` of 100 of them (nearest rank).

    Raises:
        ValueError: there are none.
    """
    if not values:
        raise ValueError("a percentile of nothing")
    return sorted(values)[max(0, math.ceil(percent / 100 * len(values)) - 1)]
