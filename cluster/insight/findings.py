"""What insight finds: one thing that hurts, how that is known, and what could be done about it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["bad", "warn", "note"]
"""``bad`` hurts now or ends in an outage; ``warn`` costs; ``note`` is a suspicion that wants a person's eye."""
_ORDER: dict[Severity, int] = {"bad": 0, "warn": 1, "note": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightFinding:
    """One thing that hurts.

    ``kind`` is a fixed word (bounded: it becomes a label of a metric). ``database`` and ``node`` are "" where it is
    about all of them. ``subject`` names what it is about (a table, an index, a session, a setting), as the server does:
    others' text, to be escaped where it is shown. ``problem`` says what, ``evidence`` how that is known, with figures.
    ``remedy`` is SQL or a command to run, "" where there is none; ``risk`` what that costs, ``undo`` how it is taken
    back. ``weight`` orders findings of one severity: the most expensive first.
    """

    kind: str
    severity: Severity
    subject: str
    problem: str
    evidence: str
    database: str = ""
    node: str = ""
    remedy: str = ""
    risk: str = ""
    undo: str = ""
    weight: float = 0.0


def ordered(findings: Iterable[InsightFinding]) -> tuple[InsightFinding, ...]:
    """The worst first; of the same severity the heaviest, then by name so that two runs agree."""
    return tuple(
        sorted(findings, key=lambda each: (_ORDER[each.severity], -each.weight, each.kind, each.database, each.subject))
    )
