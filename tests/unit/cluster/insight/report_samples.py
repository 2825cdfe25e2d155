"""A report with one of everything, and texts that want to be more than text."""

from cluster.insight.findings import InsightFinding
from cluster.insight.report import BlockedSession, InsightReport, Wait
from cluster.insight.statements import RankedStatement, StatementWork

HOSTILE = "SELECT '<script>alert(1)</script>' AS \"\x1b[31mred\x1b[0m\",\n\t\u202eoverride\u2069 -- hunter2\nFROM t"
NOW = 1_795_000_000.0


def work(calls: int = 10, seconds: float = 1.0, **more: float) -> StatementWork:
    return StatementWork(calls=calls, exec_seconds=seconds, **more)  # type: ignore[arg-type]


def statement(
    text: str, now: StatementWork, before: StatementWork | None, share: float = 0.5, queryid: int = -7
) -> RankedStatement:
    return RankedStatement(
        database="shop",
        role="app",
        queryid=queryid,
        text=text,
        work=now,
        nodes={"primary": now},
        share=share,
        before=before,
    )


def report() -> InsightReport:
    return InsightReport(
        since=NOW - 3600,
        until=NOW,
        compared_since=NOW - 7200,
        statements={
            "time": (
                statement(HOSTILE, work(100, 50.0), work(100, 10.0), 0.9),
                statement("SELECT $1", work(10, 0.001), work(0, 0.0), 0.1, queryid=8),
            ),
            "wal": (statement("UPDATE t SET a = $1", work(wal_bytes=3 << 20), None, 1.0),),
            "temp": (),
        },
        waits=(Wait(node="primary", database="shop", event="Lock: transactionid", sessions=2, longest_seconds=61.0),),
        blocking=(
            _session(101, 0, "idle in transaction", "UPDATE t SET secret = 'hunter2'"),
            _session(102, 1, "active", HOSTILE),
        ),
        findings=(
            InsightFinding(
                kind="unused_index",
                severity="warn",
                subject="public.orders_old",
                problem="nobody uses the index on any node",
                evidence="0 scans since 2026-11-01 on primary, replica1; 1.2 GB",
                database="shop",
                remedy="DROP INDEX CONCURRENTLY public.orders_old",
                risk="a rare report may want it",
                undo="CREATE INDEX CONCURRENTLY orders_old ON public.orders (old)",
                weight=1.2e9,
            ),
            InsightFinding(
                kind="blocking",
                severity="bad",
                subject="101\x1b[2J",
                problem="a session holds up another one",
                evidence="idle in transaction for 61 s",
                node="primary",
            ),
        ),
        unread={"replica1": "no answer\nwithin 3 s"},
    )


def _session(pid: int, depth: int, state: str, query: str) -> BlockedSession:
    return BlockedSession(
        node="primary",
        database="shop",
        pid=pid,
        role="app",
        application="web",
        state=state,
        seconds=61.0,
        depth=depth,
        lock="transaction 7" if depth else "",
        query=query,
    )
