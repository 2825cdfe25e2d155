"""Who blocks whom: trees of sessions, those that wait for nobody first. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from cluster.insight.findings import InsightFinding, Severity
from cluster.insight.readings import InsightReading, LockedSession, NodeInsight
from cluster.insight.report import BlockedSession
from cluster.insight.suggested_sql import remedy

HELD_UP = 5.0
"""Seconds of waiting for a lock from which on somebody should know: shorter waits are how locks work."""
HELD_UP_LONG = 60.0
"""Seconds after which clients give up, or people ask."""
PREPARED = 0
"""The process id that PostgreSQL gives for a prepared transaction, which has none."""


def blocking(reading: InsightReading) -> tuple[BlockedSession, ...]:
    """Every session that waits for another, below that one, on all nodes; each once, and cycles end."""
    return tuple(line for name, node in sorted(reading.nodes.items()) for line in _tree(name, node))


def _tree(name: str, node: NodeInsight) -> Iterator[BlockedSession]:
    sessions = {each.pid: each for each in node.locked}
    waiting: dict[int, list[LockedSession]] = {}
    for each in node.locked:
        for blocker in each.blocked_by:
            waiting.setdefault(blocker, []).append(each)
    seen: set[int] = set()
    roots = [pid for pid in waiting if pid not in sessions or not sessions[pid].blocked_by]
    # of a deadlock nobody waits for nobody: whoever has waited longest stands for it
    rest = sorted(sessions.values(), key=lambda each: -each.seconds)
    for root in (*sorted(roots, key=lambda pid: -_longest(waiting[pid])), *(each.pid for each in rest)):
        yield from _below(name, root, sessions, waiting, seen)


def _below(
    node: str,
    root: int,
    sessions: Mapping[int, LockedSession],
    waiting: Mapping[int, list[LockedSession]],
    seen: set[int],
) -> Iterator[BlockedSession]:
    """Depth first, without recursion: a queue of 200 sessions may be 200 deep."""
    stack = [(root, 0)]
    while stack:
        pid, depth = stack.pop()
        if pid in seen:
            continue
        seen.add(pid)
        yield _line(node, pid, sessions.get(pid), depth)
        below = sorted(waiting.get(pid, ()), key=lambda each: each.seconds)
        stack += [(each.pid, depth + 1) for each in below]


def _line(node: str, pid: int, session: LockedSession | None, depth: int) -> BlockedSession:
    if session is None:
        state = "prepared transaction" if pid == PREPARED else "gone"
        unknown = dict.fromkeys(("database", "role", "application", "lock", "query"), "")
        return BlockedSession(node=node, pid=pid, state=state, seconds=0.0, depth=depth, **unknown)
    return BlockedSession(
        node=node,
        database=session.database,
        pid=pid,
        role=session.role,
        application=session.application,
        state=session.state,
        seconds=session.seconds,
        depth=depth,
        lock=session.lock,
        query=session.query,
    )


def _longest(sessions: Iterable[LockedSession]) -> float:
    return max((each.seconds for each in sessions), default=0.0)


def judge_blocking(reading: InsightReading) -> Iterator[InsightFinding]:
    """Who holds others up, itself held up by nobody."""
    for name, node in reading.nodes.items():
        lines, sessions = list(_tree(name, node)), {each.pid: each for each in node.locked}
        for at, line in enumerate(lines):
            if line.depth == 0:
                below = []
                for each in lines[at + 1 :]:
                    if each.depth == 0:
                        break
                    below.append(each)
                yield from _finding(name, line, below, sessions.get(line.pid))


def _finding(
    node: str, root: BlockedSession, below: list[BlockedSession], session: LockedSession | None
) -> Iterator[InsightFinding]:
    longest = max((each.seconds for each in below), default=0.0)
    if longest < HELD_UP:
        return
    severity: Severity = "bad" if longest >= HELD_UP_LONG else "warn"
    database = root.database or below[0].database
    sessions = "1 session waits" if len(below) == 1 else f"{len(below)} sessions wait"
    evidence = f"{sessions}, the longest for {longest:.0f} s, for {below[0].lock}"
    if session is None:
        yield InsightFinding(
            kind="blocking",
            severity=severity,
            subject=root.state,
            node=node,
            database=database,
            problem="a prepared transaction holds locks that others wait for",
            evidence=evidence,
            remedy=remedy("remedy_list_prepared"),
            risk="none; COMMIT PREPARED or ROLLBACK PREPARED of the one that nobody will finish any more ends it",
            weight=longest * len(below),
        )
        return
    idle = root.state.startswith("idle in transaction")
    did = "whose client does nothing; its last statement was" if idle else "which runs"
    yield InsightFinding(
        kind="blocking",
        severity=severity,
        subject=session_subject(session.pid, session.role, session.application),
        node=node,
        database=database,
        problem=f"a transaction of {root.seconds:.0f} s holds locks that others wait for, {did}: {root.query}",
        evidence=evidence,
        remedy=end_session(session.pid, session.began, terminate=idle),
        risk=ending_risk(terminate=idle),
        weight=longest * len(below),
    )


def session_subject(pid: int, role: str, application: str) -> str:
    """How a session is named: by what a person finds it again."""
    return f"pid {pid} of {role}" + (f" ({application})" if application else "")


def end_session(pid: int, began: float, *, terminate: bool) -> str:
    """SQL that ends the session or its statement, and no other one that has got its number meanwhile."""
    if terminate:
        return remedy("remedy_terminate_session", pid=str(pid), began=repr(began))
    return remedy("remedy_cancel_statement", pid=str(pid), began=repr(began))


def ending_risk(*, terminate: bool) -> str:
    """What ending it costs."""
    if terminate:
        return "its transaction is rolled back and its client loses the connection; an application should begin it anew"
    return "its statement fails with an error, and with it its transaction; an application should begin it anew"
