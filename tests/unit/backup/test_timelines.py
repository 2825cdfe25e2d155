import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.timelines import WalPosition, lineage_of, next_position, timeline_at
from cluster.postgres.lsn import Lsn

SIZE = 1 << 20
TEXT = "1\t0/5000A0\tno recovery target specified\n\n2\t0/7200FF\tbefore 2026-11-22 10:00:00+00\n"


def test_a_history_names_the_ancestors_and_where_each_was_left() -> None:
    first, second, third = lineage_of(TEXT, 3)
    assert (first.timeline, first.start, first.end) == (1, 0, 0x5000A0)
    assert (second.timeline, second.start, second.end) == (2, 0x5000A0, 0x7200FF)
    assert (third.timeline, third.start, third.end) == (3, 0x7200FF, None)


def test_timeline_1_has_no_history() -> None:
    (only,) = lineage_of("", 1)
    assert (only.timeline, only.end) == (1, None)


@pytest.mark.parametrize(
    ("text", "timeline"),
    [("", 2), (TEXT, 2), (TEXT, 1), ("2 0/1\n1 0/2\n", 3), ("1 0/2\n2 0/1\n", 3), ("1 nowhere\n", 2), ("x 0/1\n", 2)],
)
def test_what_is_no_history_is_refused(text: str, timeline: int) -> None:
    with pytest.raises(ValueError, match=r"not|no history|invalid"):
        lineage_of(text, timeline)


def test_the_archive_goes_on_where_it_ends_and_not_where_the_server_is() -> None:
    lineage = lineage_of(TEXT, 3)
    assert next_position(lineage, {1: Lsn(0x300000)}, SIZE) == WalPosition(1, Lsn(0x300000))


def test_a_new_primary_fills_in_what_the_old_one_had_not_sent() -> None:
    """The end of the old timeline comes from the new primary, as long as it lies before the fork."""
    assert next_position(lineage_of(TEXT, 3), {1: Lsn(0x500000)}, SIZE) == WalPosition(1, Lsn(0x500000))


def test_what_was_received_beyond_the_fork_does_not_count() -> None:
    assert next_position(lineage_of(TEXT, 3), {1: Lsn(0x900000)}, SIZE) == WalPosition(2, Lsn(0x500000))


def test_the_newest_known_timeline_decides() -> None:
    have = {1: Lsn(0x100000), 2: Lsn(0x600000), 9: Lsn(0)}
    assert next_position(lineage_of(TEXT, 3), have, SIZE) == WalPosition(2, Lsn(0x600000))


def test_an_archive_of_other_timelines_only_has_no_place_here() -> None:
    assert next_position(lineage_of(TEXT, 3), {9: Lsn(0x100000)}, SIZE) is None


@given(
    ends=st.lists(st.integers(1, 1 << 40), min_size=1, max_size=6, unique=True).map(sorted),
    known=st.integers(0, 6),
    first_missing=st.integers(0, 1 << 41),
)
def test_nothing_between_what_there_is_and_where_it_goes_on_is_left_out(
    ends: list[int], known: int, first_missing: int
) -> None:
    text = "".join(f"{number} {Lsn(end)}\tx\n" for number, end in enumerate(ends, 1))
    lineage = lineage_of(text, len(ends) + 1)
    timeline = min(known, len(ends)) + 1
    place = next_position(lineage, {timeline: Lsn(first_missing)}, SIZE)
    assert place is not None
    assert place.lsn % SIZE == 0
    # Either it goes on where it ended, or its timeline was left before that, and the next begins within that segment.
    assert place.lsn <= first_missing
    if place.timeline != timeline:
        fork = next(span.end for span in lineage if span.timeline == timeline)
        assert fork is not None
        assert place.lsn <= fork <= first_missing


def test_a_segment_is_taken_from_the_timeline_it_was_written_on() -> None:
    lineage = lineage_of(TEXT, 3)
    assert [timeline_at(lineage, lsn) for lsn in (0, 0x500000, 0x600000, 0x700000, 0x800000)] == [1, 1, 2, 2, 3]
