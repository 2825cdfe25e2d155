"""Retention: what stays, why, and that nothing that stays loses what it needs."""

from dataclasses import replace
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.catalog import Backup
from backup.retention import Decision, Policy, decide, wal_needs
from cluster.postgres.lsn import Lsn
from cluster.postgres.timeline_history import Switchpoint
from tests.unit.backup.samples import DAY, SEGMENT, a_backup, an_increment, segments


def policy(**rules: Any) -> Policy:
    return Policy(zone=UTC, **{"days": 0, **rules})


def kept(decisions: tuple[Decision, ...]) -> list[float]:
    """The days of the backups that stay."""
    return [each.backup.stopped / DAY for each in decisions if each.keep]


def test_a_window_keeps_one_backup_from_before_it() -> None:
    backups = [a_backup(day) for day in range(1, 21)]
    assert kept(decide(backups, policy(days=7), 20.5 * DAY)) == [13, 14, 15, 16, 17, 18, 19, 20]


def test_an_anchor_on_a_left_branch_does_not_serve() -> None:
    """Timeline 2 left 1 before day 3's backup, so the window's beginning on 2 needs day 1's."""
    left = {2: (Switchpoint(1, Lsn(20 * SEGMENT)),)}
    backups = [a_backup(1), a_backup(3), a_backup(10, timeline=2)]
    assert kept(decide(backups, policy(days=2), 10.5 * DAY, histories=left)) == [1, 3, 10]
    assert kept(decide(backups, policy(days=2), 10.5 * DAY, histories={2: (Switchpoint(1, Lsn(40 * SEGMENT)),)})) == [
        3,
        10,
    ]


def test_a_count_keeps_the_newest_with_their_chains() -> None:
    full = a_backup(1)
    backups = [full, an_increment(2, full), an_increment(3, full), a_backup(4)]
    assert kept(decide(backups, policy(count=2), 9 * DAY)) == [1, 3, 4]


def test_periods_keep_the_newest_of_each() -> None:
    backups = [a_backup(day + 0.25 * hour) for day in range(1, 40) for hour in (1, 2)]
    assert kept(decide(backups, policy(daily=3), 99 * DAY)) == [37.5, 38.5, 39.5]
    # 1 January 1970 was a Thursday: weeks end with days 31 and 38 after it
    assert kept(decide(backups, policy(weekly=3), 99 * DAY)) == [31.5, 38.5, 39.5]
    assert kept(decide(backups, policy(monthly=2), 99 * DAY)) == [30.5, 39.5]
    assert kept(decide(backups, policy(yearly=2), 99 * DAY)) == [39.5]


def test_days_are_those_of_the_zone() -> None:
    backups = [a_backup(10 + 14.5 / 24), a_backup(10 + 15.5 / 24)]  # 23:30 and 00:30 in Tokyo
    assert len(kept(decide(backups, policy(daily=2), 99 * DAY))) == 1
    assert len(kept(decide(backups, Policy(zone=ZoneInfo("Asia/Tokyo"), days=0, daily=2), 99 * DAY))) == 2


def test_a_hold_keeps_and_so_does_the_minimum() -> None:
    backups = [a_backup(day) for day in range(1, 6)]
    assert kept(decide(backups, policy(days=1, minimum=2), 99 * DAY, holds={backups[0].name})) == [1, 4, 5]


def test_without_rules_everything_stays() -> None:
    backups = [a_backup(day) for day in range(1, 6)]
    assert kept(decide(backups, policy(), 99 * DAY)) == [1, 2, 3, 4, 5]


def test_every_decision_says_why() -> None:
    full = a_backup(1)
    backups = [full, a_backup(1.5), child := an_increment(9, full), a_backup(9.5)]
    lines = [str(each) for each in decide(backups, policy(days=3), 10 * DAY, holds={child.name})]
    assert "delete" not in lines[0]
    assert f"{child.name} builds on it" in lines[0]
    assert "first moments, from 19700108T000000Z" in lines[1]
    assert "of the last 3 days; it is held" in lines[2]
    assert "the newest 1 always stay" in lines[3]
    gone = decide([a_backup(1), a_backup(2), a_backup(9)], policy(days=3), 10 * DAY)[0]
    assert str(gone).startswith("delete 1970")
    assert "no rule" in str(gone)


def test_a_clock_that_jumped_does_not_decide_what_is_newest() -> None:
    backups = [a_backup(1, stopped=500 * DAY), a_backup(2), a_backup(3, stopped=0.5 * DAY)]
    assert [each.backup for each in decide(backups, policy(count=1), 5 * DAY) if each.keep] == [backups[2]]


@pytest.mark.parametrize("rules", [{"days": -1}, {"minimum": 0}, {"daily": -1}])
def test_a_policy_that_makes_no_sense_is_refused(rules: Any) -> None:
    with pytest.raises(ValueError, match="counted from"):
        policy(**rules)


def test_wal_before_the_oldest_followed_backup_goes() -> None:
    backups = [a_backup(1), a_backup(2), a_backup(3)]
    needs = wal_needs(decide(backups, policy(count=2), 9 * DAY), {}, SEGMENT)
    assert [each for each in segments(1, 0, 40) if not needs.may_go(each)] == segments(1, 20, 40)


def test_backups_kept_for_a_period_keep_only_their_own_wal() -> None:
    backups = [a_backup(day) for day in (1, 40, 80)]
    needs = wal_needs(decide(backups, policy(monthly=3), 99 * DAY), {}, SEGMENT)
    expected = [*segments(1, 10, 11), *segments(1, 400, 401), *segments(1, 800, 820)]
    assert [each for each in segments(1, 0, 820) if not needs.may_go(each)] == expected


def test_without_backups_all_wal_stays() -> None:
    assert not wal_needs((), {}, SEGMENT).may_go(segments(1, 5, 5)[0])


def test_wal_of_other_timelines_stays_where_it_can_be_reached_or_nobody_knows() -> None:
    histories = {2: (Switchpoint(1, Lsn(25 * SEGMENT)),), 3: (Switchpoint(1, Lsn(5 * SEGMENT)),)}
    needs = wal_needs(decide([a_backup(2)], policy(count=1), 9 * DAY), histories, SEGMENT)
    kept_of = {timeline: needs.may_go(segments(timeline, 30, 30)[0]) for timeline in (1, 2, 3, 4)}
    assert kept_of == {1: False, 2: False, 3: True, 4: False}
    assert needs.may_go(segments(2, 3, 3)[0])


@st.composite
def catalogues(draw: st.DrawFn) -> tuple[Backup, ...]:
    """Fulls and increments of increments at random times, some on a second timeline."""
    days = sorted(draw(st.sets(st.integers(1, 400), min_size=1, max_size=12)))
    made: list[Backup] = []
    for day in days:
        parent = draw(st.sampled_from([None, *made])) if made else None
        timeline = 2 if day > 200 else 1
        backup = an_increment(day, parent) if parent else a_backup(day)
        made.append(replace(backup, timeline=timeline))
    return tuple(made)


HISTORIES = st.sampled_from(
    [{}, {2: (Switchpoint(1, Lsn(1900 * SEGMENT)),)}, {2: (Switchpoint(1, Lsn(500 * SEGMENT)),)}]
)
COUNTS = st.integers(0, 4)
POLICIES = st.builds(
    Policy,
    zone=st.just(UTC),
    days=st.integers(0, 100),
    count=COUNTS,
    daily=COUNTS,
    weekly=COUNTS,
    monthly=COUNTS,
    yearly=COUNTS,
    minimum=st.integers(1, 4),
)
NOW = st.integers(1, 500).map(lambda day: day * DAY)


@given(backups=catalogues(), chosen=POLICIES, now=NOW, histories=HISTORIES)
def test_nothing_that_stays_loses_a_parent_or_its_wal(
    backups: tuple[Backup, ...], chosen: Policy, now: float, histories: Any
) -> None:
    decisions = decide(backups, chosen, now, histories=histories)
    stay = {each.backup.name: each for each in decisions if each.keep}
    needs = wal_needs(decisions, histories, SEGMENT)
    assert len(stay) >= min(chosen.minimum, len(backups))
    for each in stay.values():
        assert each.backup.parent is None or each.backup.parent in stay
        assert not any(needs.may_go(segment) for segment in each.backup.segments)
        if each.follow:
            first = int(Lsn.parse(each.backup.start_lsn)) // SEGMENT
            assert not any(needs.may_go(one) for one in segments(each.backup.timeline, first, first + 50))


@given(backups=catalogues(), chosen=POLICIES, now=NOW, histories=HISTORIES)
def test_deciding_again_about_what_stayed_changes_nothing(
    backups: tuple[Backup, ...], chosen: Policy, now: float, histories: Any
) -> None:
    stay = [each.backup for each in decide(backups, chosen, now, histories=histories) if each.keep]
    assert all(each.keep for each in decide(stay, chosen, now, histories=histories))


@given(backups=catalogues(), chosen=POLICIES, now=NOW, later=st.integers(0, 100))
def test_what_may_go_may_still_go_later(backups: tuple[Backup, ...], chosen: Policy, now: float, later: int) -> None:
    stay = {each.backup.name for each in decide(backups, chosen, now) if each.keep}
    after = {each.backup.name for each in decide(backups, chosen, now + later * DAY) if each.keep}
    assert after <= stay


@given(backups=catalogues(), chosen=POLICIES, now=NOW, rule=st.sampled_from(["days", "count", "daily", "minimum"]))
def test_a_more_generous_policy_keeps_no_less(
    backups: tuple[Backup, ...], chosen: Policy, now: float, rule: str
) -> None:
    if chosen.is_off:
        return
    more = replace(chosen, **{rule: getattr(chosen, rule) + 3})
    few, many = decide(backups, chosen, now), decide(backups, more, now)
    assert {each.backup.name for each in few if each.keep} <= {each.backup.name for each in many if each.keep}
    few_wal, many_wal = wal_needs(few, {}, SEGMENT), wal_needs(many, {}, SEGMENT)
    for segment in [*segments(1, 0, 4000)[::97], *segments(2, 0, 4000)[::97]]:
        assert few_wal.may_go(segment) or not many_wal.may_go(segment)
