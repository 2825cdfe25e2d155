from dataclasses import replace

import pytest

from cluster.config.settings import Settings
from cluster.observed.pooler import PoolsReading
from cluster.observed.snapshot import Snapshot
from cluster.pool_status import pool_statuses
from cluster.pools import pools
from health.pool_text import MOST_LINES, MOST_ROWS, PoolText, pool_text
from health.responses import EVENT_POOLS
from tests.fix_settings import settings_of, with_databases
from tests.unit.health.status_samples import TOPOLOGY, Client, polled, view_of
from tests.unit.snapshot_samples import as_wanted, with_pool

FIFTY = with_databases(settings_of(), 50)


def _well(settings: Settings = FIFTY) -> Snapshot:
    return as_wanted(TOPOLOGY, pools(settings, TOPOLOGY))


def _text(snapshot: Snapshot, settings: Settings = FIFTY) -> PoolText:
    return pool_text(pool_statuses(view_of(snapshot, settings=settings)))


def test_of_one_database_each_pool_has_a_row_and_there_is_nothing_to_search() -> None:
    text = _text(_well(settings_of()), settings_of())
    assert [row.cells[0] for row in text.pools] == list(pools(settings_of(), TOPOLOGY))
    assert (text.databases, text.more_pools, text.more_lines, text.count) == ((), "", "", 0)


def test_of_three_databases_each_has_a_row_and_a_line() -> None:
    three = with_databases(settings_of(), 3)
    text = _text(_well(three), three)
    assert [row.cells[:4] for row in text.databases] == [
        (name, "primary", "replica1, replica2", "5") for name in ("appdb", "shop1", "shop2")
    ]
    assert [line.title for line in text.lines] == ["appdb", "shop1", "shop2"]
    assert (text.pools, text.more_pools, text.more_databases, text.count) == ((), "none in trouble", "", 15)


def test_of_fifty_databases_the_page_has_some_and_counts_the_rest() -> None:
    text = _text(_well())
    assert (len(text.databases), text.more_databases) == (MOST_ROWS, "and 38 more, all well")
    assert (len(text.lines), text.more_lines) == (MOST_LINES, "and 42 more, all well")


def test_the_pool_in_trouble_is_in_sight_and_its_database_too() -> None:
    text = _text(with_pool(_well(), "shop49_read", paused=True))
    assert [row.cells[0] for row in text.pools] == ["shop49_read"]
    assert [row.cells[0] for row in text.databases if row.mood == "bad"] == ["shop49"]
    assert [line.title for line in text.lines if line.mood == "bad"] == ["shop49"]


def test_of_a_pgbouncer_that_does_not_answer_nobody_says_that_all_is_well() -> None:
    text = _text(replace(_well(), pooler=PoolsReading(error="connection refused")))
    assert (text.state, text.more_databases, text.more_pools) == (
        "not answering",
        "and 38 more",
        "nothing is known of them",
    )


@pytest.mark.parametrize("spoil", [False, True])
def test_an_event_is_no_larger_for_hundreds_of_databases(spoil: bool) -> None:
    many = with_databases(settings_of(), 300)
    snapshot = _well(many)
    if spoil:
        held = tuple(replace(pool, paused=True) for pool in snapshot.pooler.pools)
        snapshot = replace(snapshot, pooler=replace(snapshot.pooler, pools=held))
    watcher = polled(view_of(snapshot, settings=many))
    assert watcher.latest is not None
    assert len(watcher.latest.event.head) < 40_000
    assert len(watcher.latest.event.head.split(b'"max_wait"')) - 1 == EVENT_POOLS
    assert len(Client(watcher).get("/health").json()["pools"]) == 1500, "the overview has all"


def test_the_page_without_javascript_has_databases_and_what_is_in_trouble() -> None:
    page = Client(polled(view_of(with_pool(_well(), "shop49", paused=True), settings=FIFTY))).get("/").text
    assert '<div id="by-database" >' in page
    assert "and 38 more, all well" in page
    assert '<tr data-mood="bad"><th scope="row">shop49</th><td data-head="leads to">primary</td>' in page
    assert page.count("<tr") < 60
    assert '<div id="by-database" hidden>' in Client(polled()).get("/").text
