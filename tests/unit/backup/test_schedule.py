"""Schedules: a run is neither lost nor doubled, whatever the clocks do."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.schedule import due, due_kind, parse_schedule
from cluster.errors import UsageError

BERLIN = ZoneInfo("Europe/Berlin")
DAY = 86_400.0


def at(text: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


def runs(expression: str, zone: str, since: float, until: float) -> list[str]:
    schedule = parse_schedule(expression, zone)
    found = []
    while (since := schedule.next(since)) <= until:
        found.append(datetime.fromtimestamp(since, ZoneInfo(zone)).isoformat())
    return found


def test_the_zone_is_the_schedules_own() -> None:
    assert parse_schedule("0 2 * * *", "Asia/Tokyo").next(at("2026-11-22T00:00", ZoneInfo("UTC"))) == (
        datetime(2026, 11, 22, 17, tzinfo=UTC).timestamp()
    )


def test_a_time_that_is_skipped_runs_once_right_after() -> None:
    """On 29 March 2026 Berlin goes from 02:00 to 03:00."""
    assert runs("30 2 * * *", "Europe/Berlin", at("2026-03-28T12:00"), at("2026-03-30T12:00")) == [
        "2026-03-29T03:00:00+02:00",
        "2026-03-30T02:30:00+02:00",
    ]


def test_a_time_that_comes_twice_runs_once() -> None:
    """On 25 October 2026 Berlin goes from 03:00 back to 02:00."""
    assert runs("30 2 * * *", "Europe/Berlin", at("2026-10-24T12:00"), at("2026-10-26T12:00")) == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-26T02:30:00+01:00",
    ]


@pytest.mark.parametrize("minute", range(0, 60, 7))
@pytest.mark.parametrize("fold", [0, 1])
def test_asking_within_the_repeated_hour_never_answers_with_the_past(minute: int, fold: int) -> None:
    after = at(f"2026-10-25T02:{minute:02}", fold=fold)
    found = parse_schedule("30 2 * * *", "Europe/Berlin").next(after)
    first = at("2026-10-25T02:30")
    assert found == (first if after < first else at("2026-10-26T02:30"))


def test_hourly_runs_follow_real_time() -> None:
    assert len(runs("5 * * * *", "Europe/Berlin", at("2026-10-25T00:00"), at("2026-10-26T00:00"))) == 25
    assert len(runs("5 * * * *", "Europe/Berlin", at("2026-03-29T00:00"), at("2026-03-30T00:00"))) == 23


EXPRESSIONS = st.sampled_from(["0 2 * * *", "30 2 * * *", "0 3 * * 0", "*/15 * * * *", "15 2,3 * * *", "0 0 1 * *"])


@given(
    expression=EXPRESSIONS,
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    start=st.one_of(
        st.integers(1_790_000_000, 1_830_000_000),
        st.integers(-8_000, 8_000).map(lambda off: int(at("2026-10-25T02:30")) + off),
        st.integers(-8_000, 8_000).map(lambda off: int(at("2026-03-29T03:00")) + off),
    ),
    span=st.integers(0, 100_000),
)
def test_looking_back_and_looking_ahead_agree(expression: str, zone: str, start: int, span: int) -> None:
    schedule = parse_schedule(expression, zone)
    ahead = [run for run in [schedule.next(start)] if run <= start + span]
    while ahead and (following := schedule.next(ahead[-1])) <= start + span:
        assert following > ahead[-1]
        ahead.append(following)
    assert schedule.missed(start, start + span) == (ahead[-1] if ahead else None)


def test_a_long_downtime_is_caught_up_with_once() -> None:
    schedule = parse_schedule("0 2 * * *", "UTC")
    now = 100 * DAY + 12 * 3600
    assert due(schedule, 90 * DAY, now)
    assert schedule.missed(90 * DAY, now) == 100 * DAY + 2 * 3600
    assert not due(schedule, now, now + 3600)


def test_nothing_yet_is_due_at_once_and_a_future_last_is_not_for_ever() -> None:
    schedule = parse_schedule("0 2 * * *", "UTC")
    assert due(schedule, None, 5.0)
    assert not due(schedule, 500 * DAY, 5 * DAY)
    assert schedule.next(5 * DAY) == 5 * DAY + 7200


def test_a_full_backup_is_made_up_for() -> None:
    sunday = parse_schedule("0 2 * * 0", "UTC")
    saturday = datetime(2026, 11, 21, 2, tzinfo=UTC).timestamp()
    assert due_kind(sunday, None, saturday) == "full"
    assert due_kind(sunday, saturday - 5 * DAY, saturday) == "incremental"
    assert due_kind(sunday, saturday - 5 * DAY, saturday + DAY) == "full"
    assert due_kind(sunday, saturday - 5 * DAY, saturday + 3 * DAY) == "full"
    assert due_kind(sunday, saturday + DAY, saturday + 3 * DAY) == "incremental"


@pytest.mark.parametrize("expression", ["", "daily", "0 2 * *", "0 0 2 * * *", "60 2 * * *", "0 2 31 2 *"])
def test_what_is_no_schedule_is_refused(expression: str) -> None:
    with pytest.raises(UsageError, match="not a schedule") as error:
        parse_schedule(expression, "UTC")
    assert "0 2 * * *" in error.value.hint


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../etc/passwd", "/etc/localtime"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(UsageError, match="not a time zone"):
        parse_schedule("0 2 * * *", zone)


@pytest.mark.parametrize(
    ("expression", "days"),
    [("0 2 * * *", 1), ("0 2 * * 0", 7), ("0 */6 * * *", 0.25), ("0 2 * * 1-5", 3), ("30 1 1 * *", 31)],
)
def test_the_longest_time_between_two_runs(expression: str, days: float) -> None:
    assert parse_schedule(expression, "UTC").longest_gap(1_800_000_000) == days * 86_400
