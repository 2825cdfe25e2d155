"""Who led since when, by Patroni; and what of it a journal lacks."""

from contextlib import suppress

import pytest
from hypothesis import given

from cluster.history import PrimaryChange
from cluster.hosts.patroni_history import Succession, changes_beyond, parse_successions
from tests.unit.cluster.hosts.test_hosts_documents import ANYTHING

REAL = b"""[[1, 84348808, "no recovery target specified", "2026-11-28T13:24:00.241659+00:00", "alpha"],
 [2, 100663456, "no recovery target specified", "2026-11-28T13:31:05.5+00:00", "gamma"]]"""
SWITCHED = PrimaryChange(at=1796131440.0, event="switchover", primary="alpha", before="primary", timeline=2)


def test_a_document_of_a_real_agent() -> None:
    first, second = parse_successions(REAL)
    assert first == Succession(timeline=2, lsn=84348808, at=1795872240.242, leader="alpha")
    assert (second.timeline, second.leader) == (3, "gamma")


def test_what_was_before_patroni_has_neither_moment_nor_leader() -> None:
    assert parse_successions(b'[[1, 24, "x"]]') == (Succession(timeline=2, lsn=24),)


@pytest.mark.parametrize("text", [b"{}", b"[7]", b'[["1", 2]]', b"[[1]]", b"[[1, -2]]"])
def test_what_is_no_history_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="list"):
        parse_successions(text)


def test_only_what_came_after_the_journal_is_added_and_says_from_whom() -> None:
    found = parse_successions(REAL)
    (change,) = changes_beyond(SWITCHED, found)
    assert (change.event, change.primary, change.before, change.timeline) == ("failover", "gamma", "alpha", 3)
    assert (change.lsn, change.by) == ("0/60000A0", "Patroni")
    assert list(changes_beyond(change, found)) == []
    assert [each.before for each in changes_beyond(None, found)] == [None, "alpha"]


def test_a_primary_that_was_started_again_took_over_from_nobody() -> None:
    again = [Succession(timeline=3, lsn=24, at=1796131500.0, leader="alpha")]
    (change,) = changes_beyond(SWITCHED, again)
    assert (change.event, change.primary, change.before, change.timeline) == ("timeline", "alpha", None, 3)


@given(ANYTHING)
def test_whatever_comes_is_read_or_refused(raw: object) -> None:
    import json

    with suppress(ValueError):
        parse_successions(json.dumps(raw))
