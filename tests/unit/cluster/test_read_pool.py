from hypothesis import given
from hypothesis import strategies as st

from cluster.postgres.lsn import Lsn
from cluster.read_pool import (
    BACK_AFTER,
    CUT_AFTER,
    OUT_AFTER,
    Absence,
    Condition,
    LagLimits,
    PoolMember,
    absences,
    advance,
    condition,
    dump,
    resumed,
    serving,
)
from cluster.replay_age import ReplayAge

CONDITIONS: list[Condition] = ["fresh", "lagging", "silent"]
NAMES = ["a", "b", "c"]
conditions = st.sampled_from(CONDITIONS)
history = st.lists(
    st.tuples(st.floats(0.1, 30), st.dictionaries(st.sampled_from(NAMES), conditions, min_size=1)), min_size=1
)
"""What was observed of whom, and how many seconds after the observation before."""


def _after(steps: list[tuple[float, dict[str, Condition]]]) -> tuple[dict[str, PoolMember], float]:
    members: dict[str, PoolMember] = {}
    now = 100.0
    for seconds, observed in steps:
        now += seconds
        members = advance(members, observed, now)
    return members, now


def _held(
    members: dict[str, PoolMember], now: float, seconds: float, **observed: Condition
) -> tuple[dict[str, PoolMember], float]:
    for _ in range(int(seconds)):
        now += 1
        members = advance(members, observed, now)
    return members, now


@given(history)
def test_the_pool_is_never_empty_and_holds_members_only(steps: list[tuple[float, dict[str, Condition]]]) -> None:
    members, now = _after(steps)
    assert set(members) == set(steps[-1][1])
    assert serving(members)
    assert {each.node for each in absences(members, now)} | set(serving(members)) == set(members)
    assert {each.node for each in absences(members, now)}.isdisjoint(serving(members))


@given(history)
def test_who_answers_is_never_left_out_for_one_that_does_not(steps: list[tuple[float, dict[str, Condition]]]) -> None:
    members, _ = _after(steps)
    if any(member.latest != "silent" for member in members.values()):
        assert any(members[name].latest != "silent" for name in serving(members))


@given(history, conditions, conditions)
def test_what_lasts_decides_whatever_was_before(
    steps: list[tuple[float, dict[str, Condition]]], one: Condition, other: Condition
) -> None:
    members, _ = _held(*_after(steps), OUT_AFTER + BACK_AFTER + 2, a=one, b=other)
    best = min(CONDITIONS.index(one), CONDITIONS.index(other))
    assert set(serving(members)) == {
        name for name, each in (("a", one), ("b", other)) if CONDITIONS.index(each) == best
    }


@given(st.lists(st.tuples(conditions, st.floats(0.1, OUT_AFTER - 0.2)), max_size=20))
def test_what_does_not_last_changes_nothing(glances: list[tuple[Condition, float]]) -> None:
    """However often a member is worse for less than the time it takes: it stays, as if nothing had been."""
    members, now = _held({}, 0.0, 1, a="fresh", b="fresh")
    for seen, seconds in glances:
        members = advance(members, {"a": seen, "b": "fresh"}, now + 0.1)
        now += 0.1 + seconds
        members = advance(members, {"a": "fresh", "b": "fresh"}, now)
        assert set(serving(members)) == {"a", "b"}


def test_a_silent_member_goes_out_after_a_while_and_comes_back_later() -> None:
    members, now = _held({}, 0.0, OUT_AFTER, a="silent", b="fresh")
    assert set(serving(members)) == {"a", "b"}
    members, now = _held(members, now, 1, a="silent", b="fresh")
    assert absences(members, now) == (Absence(node="a"),)
    members, now = _held(members, now, CUT_AFTER - OUT_AFTER, a="silent", b="fresh")
    assert absences(members, now) == (Absence(node="a", cut=True),)
    members, now = _held(members, now, BACK_AFTER, a="fresh", b="fresh")
    assert absences(members, now) == (Absence(node="a"),)
    assert not absences(*_held(members, now, 1, a="fresh", b="fresh"))


def test_one_that_comes_and_goes_stays_out() -> None:
    members, now = _held({}, 0.0, OUT_AFTER + 1, a="silent", b="fresh")
    for _ in range(10):
        members, now = _held(members, now, BACK_AFTER - 1, a="fresh", b="fresh")
        members, now = _held(members, now, 1, a="silent", b="fresh")
        assert serving(members) == ("b",)


def test_where_nobody_in_the_pool_answers_one_that_does_is_in_at_once() -> None:
    members, now = _held({}, 0.0, OUT_AFTER + 1, a="silent", b="fresh")
    assert "a" in serving(advance(members, {"a": "fresh", "b": "silent"}, now + 1))


def test_where_all_lag_all_stay() -> None:
    members, _ = _held({}, 0.0, 60, a="lagging", b="lagging", c="silent")
    assert serving(members) == ("a", "b")


def test_who_begins_anew_knows_who_is_out() -> None:
    members, now = _held({}, 0.0, 60, a="silent", b="fresh", c="lagging")
    known = resumed(dump(7, absences(members, now)), NAMES)
    assert serving(known) == ("b",)
    known, now = _held(known, 0.0, BACK_AFTER - 1, a="fresh", b="fresh", c="fresh")
    assert serving(known) == ("b",)
    assert set(serving(_held(known, now, 3, a="fresh", b="fresh", c="fresh")[0])) == set(NAMES)


@given(st.text() | st.sampled_from(["", "1", "x\na out\n", "1\na out\nb cut\nc out\n", "1\n\n out\n"]))
def test_from_whatever_text_one_begins_anew_somebody_serves(text: str) -> None:
    assert serving(resumed(text, NAMES))


LIMITS = LagLimits(seconds=60, bytes=1000)


def _condition(member: PoolMember | None = None, limits: LagLimits = LIMITS, **known: float) -> Condition:
    behind, age, watched = known.get("behind"), known.get("age", 0.0), known.get("watched", 1e6)
    given = None if behind is None else int(behind)
    return condition(member or PoolMember(), answers=True, behind=given, age=age, watched=watched, limits=limits)


def test_what_a_member_is() -> None:
    assert condition(PoolMember(), answers=False, behind=0, age=0, watched=1, limits=LIMITS) == "silent"
    assert _condition(behind=1000, age=60) == "fresh"
    assert _condition(behind=1001) == "lagging"
    assert _condition(age=61) == "lagging"
    assert _condition() == "fresh"
    assert _condition(limits=LagLimits(seconds=0, bytes=1000), behind=1 << 40, age=1e6) == "fresh"


def test_one_that_is_out_has_to_catch_up_with_where_the_watch_began() -> None:
    out = PoolMember(settled="lagging")
    assert _condition(out, age=3, watched=3) == "lagging"
    assert _condition(out, age=1, watched=3) == "fresh"
    assert _condition(age=3, watched=3) == "fresh"


def test_the_age_of_a_replica_is_that_of_the_oldest_wal_it_lacks() -> None:
    ages = ReplayAge()
    for now, written in ((10.0, 100), (11.0, 100), (12.0, 200), (20.0, 300)):
        ages.add(now, Lsn(written))
    assert [ages.age(22.0, Lsn(replayed)) for replayed in (300, 299, 200, 199, 100, 50)] == [0, 2, 2, 10, 10, 12]
    assert ages.watched(22.0) == 12.0


@given(st.lists(st.tuples(st.floats(0.1, 100), st.integers(0, 1000)), min_size=1), st.integers(0, 100_000))
def test_an_age_is_never_more_than_was_watched_and_none_without_a_lag(
    steps: list[tuple[float, int]], replayed: int
) -> None:
    ages, now, written = ReplayAge(), 0.0, 0
    for seconds, more in steps:
        now, written = now + seconds, written + more
        ages.add(now, Lsn(written))
    assert 0 <= ages.age(now, Lsn(replayed)) <= ages.watched(now)
    assert ages.age(now, Lsn(written)) == 0


def test_a_restored_primary_begins_another_history() -> None:
    ages = ReplayAge()
    ages.add(1.0, Lsn(1000))
    ages.add(50.0, Lsn(10))
    assert ages.age(60.0, Lsn(10)) == 0
