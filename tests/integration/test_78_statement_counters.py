"""What a real server does to its counters: restarts, a crash, a reset, evictions, renames. None of it is work."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from cluster.insight.statement_history import BUCKET, added
from cluster.observed.statement_counters import read_counters
from cluster.postgres.connection import connect
from health.insight.statement_ledger import StatementLedger, TimedReading
from tests.fix_images import image
from tests.fix_postgres import Server, box, primary

MARK = "SELECT count(*) FROM marked"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, built: None) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("counters")
    with box(directory / "box", image()) as made:
        server = primary(made, "counted", 5432, shared_preload_libraries="pg_stat_statements")
        server.configure(**{"pg_stat_statements.max": "100"})
        server.stop()
        server.start()
        server.sql("CREATE EXTENSION pg_stat_statements", "CREATE DATABASE shop", "CREATE TABLE marked (a int)")
        _shop(server, "CREATE TABLE marked (a int)")
        yield server


def _shop(server: Server, *statements: str, database: str = "shop") -> None:
    with connect(replace(server.access, database=database, pinned=False)) as connection:
        for statement in statements:
            connection.execute(statement.encode())


class Minutes:
    """Readings a minute apart, whatever the clock of the test says."""

    def __init__(self, server: Server) -> None:
        self._server, self._ledger, self._moment = server, StatementLedger(), 1_800_000_000.0
        self.read()

    def read(self) -> None:
        reading = read_counters("primary", self._server.access)
        assert reading.error == ""
        taken = TimedReading(node="primary", counted=reading.counted, taken=self._moment, monotonic=self._moment)
        self._ledger.add(taken)
        self._moment += BUCKET / 5

    @property
    def calls(self) -> int:
        """Of the marked statement, in whichever database."""
        marked = self._server.sql("SELECT DISTINCT queryid FROM pg_stat_statements WHERE query LIKE '%FROM marked'")
        ids = {row["queryid"] for row in marked}
        works = [work for each in self._ledger.buckets() for key, work in each.works.items() if key.queryid in ids]
        return added(works).calls


def test_no_restart_reset_or_rename_is_taken_for_work_and_none_is_lost(server: Server) -> None:
    _shop(server, *[MARK] * 50)
    minutes = Minutes(server)
    _shop(server, *[MARK] * 3)
    minutes.read()
    assert minutes.calls == 3
    server.stop()  # counters survive
    server.start()
    minutes.read()
    _shop(server, *[MARK] * 2)
    minutes.read()
    assert minutes.calls == 5
    server.sql("SELECT pg_stat_statements_reset()")
    _shop(server, *[MARK] * 4)
    minutes.read()
    assert minutes.calls == 9
    server.sql("ALTER DATABASE shop RENAME TO store")
    minutes.read()
    _shop(server, MARK, database="store")
    minutes.read()
    server.sql("ALTER DATABASE store RENAME TO shop")
    assert minutes.calls == 10
    server.stop("immediate")  # counters do not
    server.start()
    _shop(server, *[MARK] * 2)
    minutes.read()
    assert minutes.calls == 12


def test_what_is_evicted_and_comes_back_counts_from_there(server: Server) -> None:
    _shop(server, *[MARK] * 20)
    minutes = Minutes(server)
    _shop(server, "CREATE TABLE wide AS SELECT 1 AS c0, 2 AS c1, 3 AS c2, 4 AS c3, 5 AS c4, 6 AS c5, 7 AS c6")
    for sign in "+-*/":
        _shop(server, *(f"SELECT c{n // 7} {sign} c{n % 7} FROM wide" for n in range(49)), database="shop")
    minutes.read()
    assert server.value("SELECT dealloc FROM pg_stat_statements_info") > 0
    _shop(server, *[MARK] * 2)
    minutes.read()
    assert minutes.calls == 2
