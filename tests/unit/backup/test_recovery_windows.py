"""Windows: what can be restored to, and what is missing for more."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.layout import WalObject, parse_segment
from backup.recovery_windows import Missing, audit, find_windows
from backup.restore.wal_coverage import WalCoverage, find_runs
from backup.timelines import Histories, path_to, reaches
from cluster.postgres.lsn import Lsn
from cluster.postgres.timeline_history import Switchpoint, parse_history
from tests.unit.backup.samples import DAY, SEGMENT, a_backup, an_increment, segments


def archive(*names: str, tails: Any = (), left: Histories | None = None) -> WalCoverage:
    """Whole segments, each stored at the second of its number; tails are (segment, start, end)."""
    found = [WalObject(timeline=int(name[:8], 16), segment=name) for name in names]
    found += [WalObject(timeline=1, segment=name, start=start, end=end) for name, start, end in tails]
    timed = [(each, parse_segment(each.segment or "", SEGMENT).start / SEGMENT) for each in found]
    return WalCoverage(wal_segment_size=SEGMENT, runs=find_runs(timed, SEGMENT), histories=left or {})


def shown(*args: Any) -> list[tuple[int, float, float, float]]:
    """(timeline, start, end, until) with positions counted in segments."""
    return [
        (w.timeline, Lsn.parse(w.start_lsn) / SEGMENT, Lsn.parse(w.end_lsn) / SEGMENT, w.until - w.since)
        for w in find_windows(*args)
    ]


def test_a_window_begins_where_the_backup_ends_and_goes_as_far_as_the_wal() -> None:
    (window,) = find_windows([a_backup(1)], archive(*segments(1, 10, 20)))
    assert (window.timeline, window.since, window.backups) == (1, DAY, (a_backup(1).name,))
    assert (window.start_lsn, window.end_lsn) == (str(Lsn(12 * SEGMENT)), str(Lsn(21 * SEGMENT)))


@given(
    st.sets(st.integers(0, 40)),
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9), st.integers(1, 9))),
    st.randoms(),
)
def test_a_segment_is_covered_as_far_as_it_and_its_pieces_reach(
    numbers: set[int], pieces: list[tuple[int, int, int]], chance: random.Random
) -> None:
    """Whatever the order in which a store tells them."""
    names = {number: segments(1, number, number)[0] for number in range(41)}
    found = [(WalObject(timeline=1, segment=names[number]), 0.0) for number in numbers]
    found += [
        (WalObject(timeline=1, segment=names[number], start=start, end=start + length), 0.0)
        for number, start, length in pieces
    ]
    chance.shuffle(found)
    made = WalCoverage(wal_segment_size=SEGMENT, runs=find_runs(found, SEGMENT), histories={})
    for number, name in names.items():
        there = {byte for n, start, length in pieces if n == number for byte in range(start, start + length)}
        reached = next(byte for byte in range(SEGMENT) if byte not in there)
        assert made.covered(name) == (SEGMENT if number in numbers else reached)


def test_pieces_of_the_unfinished_segment_count_as_far_as_they_meet() -> None:
    tail = segments(1, 21, 21)[0]
    tails = [(tail, 100, 4000), (tail, 0, 100), (tail, 5000, 6000)]
    (window,) = find_windows([a_backup(1)], archive(*segments(1, 10, 20), tails=tails))
    assert window.end_lsn == str(Lsn(21 * SEGMENT + 4000))


def test_a_backup_that_cannot_become_consistent_gives_no_window() -> None:
    assert find_windows([a_backup(1)], archive(segments(1, 10, 10)[0], *segments(1, 12, 30))) == ()


def test_a_hole_parts_windows_and_the_next_backup_opens_another() -> None:
    wal = archive(*segments(1, 10, 14), *segments(1, 16, 40))
    assert [(start, end) for _, start, end, _ in shown([a_backup(1), a_backup(2)], wal)] == [(12, 15), (22, 41)]


def test_backups_whose_wal_meets_share_a_window() -> None:
    full = a_backup(1)
    wal = archive(*segments(1, 10, 40))
    (window,) = find_windows([full, an_increment(2, full)], wal)
    assert len(window.backups) == 2


def test_a_window_goes_on_across_a_switch_of_timelines() -> None:
    """Timeline 1 was left in the middle of segment 15, of which only timeline 2 has the whole."""
    wal = archive(*segments(1, 10, 14), *segments(2, 15, 20), left={2: (Switchpoint(1, Lsn(15 * SEGMENT + 500)),)})
    assert [(tl, start, end) for tl, start, end, _ in shown([a_backup(1)], wal)] == [(2, 12, 21)]


def test_a_branch_that_was_left_keeps_its_own_window() -> None:
    """After a restore to segment 15, what came later on timeline 1 can still be restored to, on timeline 1."""
    wal = archive(*segments(1, 10, 25), *segments(2, 15, 20), left={2: (Switchpoint(1, Lsn(15 * SEGMENT + 500)),)})
    found = [(tl, start, end) for tl, start, end, _ in shown([a_backup(1)], wal)]
    assert found == [(1, 12, 26), (2, 12, 21)]


def test_a_backup_after_the_switch_does_not_lead_to_the_new_timeline() -> None:
    wal = archive(*segments(1, 10, 25), *segments(2, 15, 20), left={2: (Switchpoint(1, Lsn(15 * SEGMENT + 500)),)})
    assert [tl for tl, *_ in shown([a_backup(2)], wal)] == [1]


def test_the_audit_names_what_is_missing_and_whether_it_is_known() -> None:
    wal = archive(*segments(1, 10, 14), *segments(1, 17, 30))
    gap = {1: [(16 * SEGMENT, 17 * SEGMENT)]}
    lost = segments(1, 15, 16)
    assert audit([a_backup(1)], wal, gap) == (Missing(segment=lost[0]), Missing(segment=lost[1], known=True))


def test_the_audit_does_not_ask_for_wal_before_the_oldest_backup_or_after_the_newest() -> None:
    assert audit([a_backup(1)], archive(*segments(1, 2, 3), *segments(1, 10, 30)), {}) == ()


def test_the_audit_names_what_a_backup_itself_lacks() -> None:
    assert [each.segment for each in audit([a_backup(1)], archive(), {})] == segments(1, 10, 11)


def test_the_audit_follows_switches() -> None:
    left = {2: (Switchpoint(1, Lsn(15 * SEGMENT + 500)),)}
    wal = archive(*segments(1, 10, 14), *segments(2, 15, 17), *segments(2, 19, 20), left=left)
    assert [each.segment for each in audit([a_backup(1)], wal, {})] == segments(2, 18, 18)
    wal = archive(*segments(1, 10, 14), *segments(2, 16, 20), left=left)
    assert [each.segment for each in audit([a_backup(1)], wal, {})] == segments(2, 15, 15)


def test_a_history_file_is_read() -> None:
    text = "1\t0/5000000\tno recovery target specified\n\n# comment\n2 \t 1/A0 \t before 2026\n"
    history = parse_history(text)
    assert history == (Switchpoint(1, Lsn(0x5000000)), Switchpoint(2, Lsn.parse("1/A0")))
    way = path_to(3, {3: history})
    assert way is not None
    assert [(part.timeline, str(part.start), part.end) for part in way] == [
        (1, "0/0", Lsn(0x5000000)),
        (2, "0/5000000", Lsn.parse("1/A0")),
        (3, "1/A0", None),
    ]


@pytest.mark.parametrize("text", ["x", "1", "1 zz why", "2 0/5 a\n1 0/6 b", "1 0/6 a\n2 0/5 b"])
def test_what_is_no_history_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"timeline|LSN"):
        parse_history(text)


def test_what_nobody_knows_is_neither_reached_nor_out_of_reach() -> None:
    assert reaches(1, 5, 4, {}) is None
    assert path_to(4, {}) is None
    assert reaches(4, 5, 4, {}) is True
    assert reaches(2, 5, 1, {}) is False
