from dataclasses import replace

import pytest

from cluster.backup_status import BackupSummary
from cluster.postgres.lsn import Lsn
from cluster.status import cluster_status
from cluster.view import View
from health.history import History, Point, Points
from health.page_text import Advice, Card, PageText, page_text
from tests.unit.health.status_samples import TOPOLOGY, WELL, view_of
from tests.unit.snapshot_samples import NOW, silent, with_facts, with_pool

EMPTY = Points()


def _text(view: View, points: Points = EMPTY) -> PageText:
    return page_text(cluster_status(view), points, 1000.0)


def _card(text: PageText, name: str) -> Card:
    (found,) = [card for card in text.cards if card.name == name]
    return found


@pytest.mark.parametrize(
    ("lost", "headline"),
    [((), "All is well"), (("replica1",), "1 thing to look at"), (("replica1", "replica2"), "2 things to look at")],
)
def test_the_headline_counts_the_reasons(lost: tuple[str, ...], headline: str) -> None:
    snapshot = WELL
    for name in lost:
        snapshot = silent(snapshot, name)
    assert _text(view_of(snapshot)).headline == headline


def test_a_replica_that_does_not_answer_is_bad_and_unknown() -> None:
    text = _text(view_of(silent(WELL, "replica2")))
    card, row = _card(text, "replica2"), text.nodes[2]
    assert (card.mood, card.state, card.lag) == ("bad", "not answering", "no stream")
    assert (row.mood, row.cells[2:5]) == ("bad", ("not answering", "–", "–"))
    assert [name for name, _ in card.facts] == ["WAL kept", "port"]


def test_lag_is_a_size_for_people() -> None:
    text = _text(view_of(with_facts(WELL, "replica1", lsn=Lsn(NOW - (3 << 20)))))
    assert text.nodes[1].cells[3] == "3.0 MB"
    assert _card(text, "replica1").lag == "3.0 MB"


def test_what_a_node_is_beside_its_role_is_a_tag() -> None:
    joining = replace(TOPOLOGY, nodes=(*TOPOLOGY.nodes[:2], replace(TOPOLOGY.nodes[2], state="joining")))
    text = _text(view_of(with_facts(WELL, "replica1", in_recovery=False), topology=joining))
    assert _card(text, "replica1").tags == ("should be replica",)
    assert "not a member" in _card(text, "replica2").tags


@pytest.mark.parametrize(
    ("backup", "line"),
    [
        (None, ""),
        (BackupSummary(), "never"),
        (BackupSummary(last_success=940.0, last_backup="b1"), "1 min 0 s ago (b1)"),
        (
            BackupSummary(last_success=995.0, last_backup="b1", archive_lag_seconds=3.0),
            "5.0 s ago (b1) · WAL archive 3.0 s behind",
        ),
    ],
)
def test_the_last_backup(backup: BackupSummary | None, line: str) -> None:
    assert _text(replace(view_of(), backup=backup)).backup == line


def test_a_curve_says_its_latest_and_its_greatest_value() -> None:
    points = Points(
        (
            Point(1.0, 0, {"replica1": 2048}, True),
            Point(2.0, 1 << 20, {"replica1": None}, True),
            Point(3.0, None, {"replica1": 1024}, True),
        )
    )
    assert points.rates() == (None, float(1 << 20), None)
    text = _text(view_of(), points)
    assert _card(text, "primary").curve.most == "at most 1.0 MB/s"
    assert _card(text, "replica1").curve.description == "lag, 5 min, 1 min of it known: now 1 kB, at most 2 kB"
    assert (text.point, text.rate) == (points.points[-1], None)


def test_a_curve_of_nothing_known_is_a_dash() -> None:
    text = _text(view_of(silent(WELL, "primary")), History().points)
    assert _card(text, "replica1").curve.most == "at most –"
    assert text.point is None


def test_clients_that_wait_make_pgbouncer_and_its_pool_bad() -> None:
    text = _text(view_of(with_pool(WELL, "appdb", clients_waiting=17)))
    assert (text.pooler.state, text.pooler.mood) == ("17 clients wait", "bad")
    assert {row.cells[0]: row.mood for row in text.pooler.pools}["appdb"] == "bad"
    assert {row.mood for row in text.pooler.pools if row.cells[0] != "appdb"} == {"well"}
    assert (_text(view_of()).pooler.state, _text(view_of()).pooler.mood) == ("running", "well")


def test_each_reason_comes_with_what_to_do() -> None:
    text = _text(view_of(silent(WELL, "replica1")))
    assert text.reasons == (Advice("replica1 (replica) does not answer: connection refused", "run: inv up"),)


def test_pools_say_how_much_of_them_is_used() -> None:
    text = _text(view_of())
    lines = {line.title: line for line in text.pooler.lines}
    assert "appdb_read → 2 replicas" in lines
    assert "appdb_write → primary" in lines
    assert all(0 <= line.used <= 1 and line.clients.endswith(("client", "clients")) for line in text.pooler.lines)


def test_a_node_that_a_pool_leads_to_is_read_from_unless_the_pool_is_paused() -> None:
    assert {card.name for card in _text(view_of()).cards if card.reads} == {"primary", "replica1", "replica2"}
    paused = replace(WELL, pooler=replace(WELL.pooler, pools=tuple(replace(p, paused=True) for p in WELL.pooler.pools)))
    assert not any(card.reads for card in _text(view_of(paused)).cards)
