from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cluster.history import (
    BranchPoint,
    Journal,
    PrimaryChange,
    branch_points,
    dump,
    merge,
    parse,
    read_latest,
    repeats,
    since,
)

FIRST = PrimaryChange(at=100.0, event="first start", primary="primary", timeline=1, by="inv up")
SWITCHED = PrimaryChange(
    at=200.5, event="switchover", primary="replica1", before="primary", timeline=2, lsn="0/5000A0", gap_seconds=0.4
)
TEXT = "1\t0/5000A0\tno recovery target specified\n\n2\t0/7200FF\tbefore 2026-11-22 10:00:00+00\n"

names = st.one_of(st.none(), st.sampled_from(["primary", "replica1", "replica2"]))
changes = st.builds(
    PrimaryChange,
    at=st.one_of(st.none(), st.floats(0, 4e9)),
    event=st.sampled_from(["first start", "noticed", "switchover", "failover", "restore", "newer"]),
    primary=names,
    before=names,
    timeline=st.one_of(st.none(), st.integers(1, 9)),
    lsn=st.one_of(st.none(), st.just("0/5000A0")),
    reason=st.text('abc äß"\\', max_size=20),
    gap_seconds=st.one_of(st.none(), st.floats(0, 1000)),
)
branches = st.dictionaries(st.integers(2, 12), st.builds(BranchPoint, st.just(1), st.just("0/1"), st.text(max_size=5)))


@given(st.lists(changes, max_size=6))
def test_a_journal_reads_back_what_was_written(written: list[PrimaryChange]) -> None:
    text = "".join(map(dump, written))
    assert text.count("\n") == len(written)
    assert parse(text) == Journal(tuple(written))


@given(st.lists(changes, min_size=1, max_size=4), st.data())
def test_a_torn_last_line_costs_no_other(written: list[PrimaryChange], data: st.DataObject) -> None:
    whole, last = "".join(map(dump, written[:-1])).encode(), dump(written[-1]).encode()
    cut = data.draw(st.integers(1, len(last) - 2))
    found = parse(whole + last[:cut])
    assert found.changes == parse(whole).changes
    assert found.unreadable == 1
    later = parse(whole + last[:cut] + b"\n" + dump(FIRST).encode())
    assert later.changes == (*parse(whole).changes, FIRST)


@given(st.binary(max_size=300))
def test_no_text_is_an_error(noise: bytes) -> None:
    assert all(isinstance(change, PrimaryChange) for change in parse(noise + b"\n" + dump(FIRST).encode()).changes)


def test_what_a_terminal_would_obey_does_not_come_through() -> None:
    line = dump(SWITCHED).replace("switchover", "\\u001b[2J")
    assert "\x1b" not in parse(line).changes[0].event


def test_a_moment_that_has_no_date_is_unreadable() -> None:
    assert parse(dump(FIRST).replace("100.0", "9e18")).unreadable == 1


@given(st.lists(changes, max_size=6), branches)
def test_merging_keeps_every_change_and_shows_every_timeline(
    noted: list[PrimaryChange], found: dict[int, BranchPoint]
) -> None:
    merged = merge(noted, found)
    added = [change for change in merged if change.event == "timeline"]
    assert [change for change in merged if change.event != "timeline"] == noted
    assert set(found) <= {change.timeline for change in merged if change.event != "noticed"}
    assert [change.timeline for change in added] == sorted({change.timeline or 0 for change in added})
    assert merge(merged, found) == merged


@given(st.lists(st.integers(1, 9), unique=True).map(sorted), branches)
def test_with_a_journal_in_order_the_merged_one_is_too(noted: list[int], found: dict[int, BranchPoint]) -> None:
    merged = merge([PrimaryChange(event="switchover", timeline=timeline) for timeline in noted], found)
    timelines = [change.timeline or 0 for change in merged]
    assert timelines == sorted(set(noted) | set(found))


def test_a_timeline_that_the_journal_has_is_not_shown_twice() -> None:
    assert merge([FIRST, SWITCHED], {2: BranchPoint(1, "0/5000A0")}) == (FIRST, SWITCHED)


def test_what_was_there_when_the_journal_began_does_not_hide_how_it_began() -> None:
    noticed = PrimaryChange(at=300.0, event="noticed", primary="primary", timeline=2)
    branch, last = merge([noticed], {2: BranchPoint(1, "0/5000A0", "no recovery target specified")})
    assert (branch.timeline, branch.lsn, branch.at) == (2, "0/5000A0", None)
    assert branch.reason == "left timeline 1: no recovery target specified"
    assert last == noticed


def test_one_history_file_names_all_timelines_before_it() -> None:
    assert branch_points({3: TEXT}) == {
        2: BranchPoint(1, "0/5000A0", "no recovery target specified"),
        3: BranchPoint(2, "0/7200FF", "before 2026-11-22 10:00:00+00"),
    }


def test_a_history_file_that_is_none_is_left_out() -> None:
    assert branch_points({3: "x\n", 2: "1\t0/5000A0\n", 1: "", 4: "7\t0/1\n"}) == {2: BranchPoint(1, "0/5000A0")}


def test_a_change_that_was_noted_before_the_interruption_is_noted_once() -> None:
    journal = parse(dump(FIRST) + dump(SWITCHED))
    again = PrimaryChange(event="switchover", primary="replica1", before="primary", timeline=2)
    back = PrimaryChange(event="switchover", primary="primary", before="replica1", timeline=3)
    assert repeats(journal, again)
    assert not repeats(journal, back)
    assert not repeats(Journal(), again)


def test_who_is_noticed_twice_is_noted_twice() -> None:
    noticed = PrimaryChange(at=1.0, event="noticed", primary="primary", timeline=1)
    assert not repeats(Journal((noticed,)), noticed)


def test_the_latest_change_is_read_from_the_end(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    assert read_latest(path) is None
    path.write_text("".join(map(dump, [FIRST] * 500)) + dump(SWITCHED) + "torn")
    assert read_latest(path) == SWITCHED


def test_a_change_in_words() -> None:
    assert since(SWITCHED) == "replica1 since 1970-01-01 00:03:20 UTC, switchover from primary, timeline 2"
    assert since(FIRST) == "primary since 1970-01-01 00:01:40 UTC, first start, timeline 1"
    restored = PrimaryChange(event="restore", primary="primary", before="primary", timeline=3)
    assert since(restored) == "primary, restored, timeline 3"
