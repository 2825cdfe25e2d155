"""Sequences that come to their end: of their own range, or of what the column they feed can hold. Pure."""

from collections.abc import Iterator

from cluster.insight.findings import InsightFinding
from cluster.insight.readings import InsightReading, SequenceState
from cluster.insight.suggested_sql import remedy

NEAR = 0.8
"""Used up, from which on there is time enough for a plan: widening a column of a big table takes one."""
VERY_NEAR = 0.95
"""Used up, from which on it is urgent."""


def judge_sequences(reading: InsightReading) -> Iterator[InsightFinding]:
    """Every sequence of which little is left."""
    for database, found in reading.databases.items():
        for sequence in found.sequences:
            used = used_share(sequence)
            if used is not None and used >= NEAR:
                yield _finding(database, sequence, used)


def end_of(sequence: SequenceState) -> int:
    """The last value that can be had and stored."""
    if sequence.step < 0:
        least = sequence.least
        return least if sequence.column_most is None else max(least, -sequence.column_most - 1)
    return sequence.most if sequence.column_most is None else min(sequence.most, sequence.column_most)


def used_share(sequence: SequenceState) -> float | None:
    """How much of it is used up; None where it never ends, or was never used."""
    end = end_of(sequence)
    goes_round = sequence.cycles and end == (sequence.least if sequence.step < 0 else sequence.most)
    if sequence.value is None or goes_round:
        return None
    start = sequence.most if sequence.step < 0 else sequence.least
    # the range below zero is a start that somebody chose, not something that was used up
    start = 0 if start < 0 < end else start
    if sequence.value == start or start == end:
        return 0.0 if start != end else None
    return max(0.0, (sequence.value - start) / (end - start))


def _finding(database: str, sequence: SequenceState, used: float) -> InsightFinding:
    end, value = end_of(sequence), sequence.value or 0
    left = max(0, (end - value) // sequence.step)
    by_column = sequence.column_most is not None and end != (sequence.least if sequence.step < 0 else sequence.most)
    both = sequence.column_most is not None
    column = f"{sequence.table}.{sequence.column}" if sequence.column else ""
    feeds = f", which feeds {column}," if column else ""
    ends = f"what {column} can hold" if by_column else "its own range"
    return InsightFinding(
        kind="sequence",
        severity="bad" if used >= VERY_NEAR else "warn",
        subject=column or sequence.name,
        database=database,
        problem=f"the sequence {sequence.name}{feeds} comes to the end of {ends}: then inserts fail",
        evidence=f"{used:.0%} used: it is at {value} of {end}, {left} values are left",
        remedy=_cure(sequence, widen_column=both, widen_sequence=not by_column),
        risk=_RISK if both else "none: what is stored stays as it is" if _grows(sequence) else "",
        weight=used,
    )


_RISK = (
    "the table and its indexes are written anew, and nobody reads or writes it meanwhile; columns that refer to "
    "it need the same. Of a table too big for that: a new column of bigint, filled in steps, kept by a trigger, swapped"
)


def _cure(sequence: SequenceState, *, widen_column: bool, widen_sequence: bool) -> str:
    steps = []
    if widen_sequence and _grows(sequence):
        bound = "NO MINVALUE" if sequence.step < 0 else "NO MAXVALUE"
        steps.append(remedy("remedy_widen_sequence", sequence=sequence.name, bound=bound))
    if widen_column:
        steps.append(remedy("remedy_widen_column", table=sequence.table, column=sequence.column))
    return ";\n".join(steps)


def _grows(sequence: SequenceState) -> bool:
    """Whether bigint is more than it has."""
    return sequence.least > -(2**63) + 1 if sequence.step < 0 else sequence.most < 2**63 - 1
