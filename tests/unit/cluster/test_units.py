import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.units import human_seconds, human_size, parse_size, postgres_size

UNITS = {"B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}


@given(st.integers(0, 10**6), st.sampled_from(sorted(UNITS)), st.sampled_from(["", " "]))
def test_a_size_is_a_number_times_a_power_of_1024(number: int, unit: str, gap: str) -> None:
    assert parse_size(f"{number}{gap}{unit}") == number * UNITS[unit]


def test_a_bare_number_is_bytes() -> None:
    assert parse_size("1024") == 1024


@pytest.mark.parametrize(
    "text", ["", "MB", "-1MB", "1.5GB", "1mb", "1 M", "1MiB", "1MBx", "0x10MB", "1,024", "1 kB 2 kB"]
)
def test_what_is_not_a_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="512MB"):
        parse_size(text)


@given(st.integers(1, 1 << 44))
def test_postgresql_is_told_the_exact_size_in_whole_kb(kilobytes: int) -> None:
    assert parse_size(postgres_size(kilobytes * 1024)) == kilobytes * 1024


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (1024, "1kB"),
        (64 << 20, "64MB"),
        (1 << 30, "1GB"),
        (1536 << 20, "1536MB"),
        (3 << 40, "3TB"),
        (1025 << 10, "1025kB"),
    ],
)
def test_postgresql_is_told_the_largest_unit_that_fits(size: int, text: str) -> None:
    assert postgres_size(size) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (None, "–"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 kB"),
        (1 << 20, "1.0 MB"),
        (1536 << 20, "1.5 GB"),
        (5 << 40, "5.0 TB"),
        (5000 << 40, "5000.0 TB"),
        (-(1 << 20), "-1.0 MB"),
    ],
)
def test_people_read_sizes_in_the_unit_that_suits_them(size: float | None, text: str) -> None:
    assert human_size(size) == text


@given(st.integers(0, 1 << 50))
def test_a_size_for_people_is_right_to_a_twentieth_of_its_unit_or_half_a_kb(size: int) -> None:
    number, unit = human_size(size).split()
    assert abs(float(number) * UNITS[unit] - size) <= max(0.051 * UNITS[unit], 512)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0, "0.0 s"),
        (0.44, "0.4 s"),
        (9.9, "9.9 s"),
        (10, "10 s"),
        (59, "59 s"),
        (60, "1 min 0 s"),
        (185, "3 min 5 s"),
        (3599.9, "59 min 59 s"),
        (7800, "2 h 10 min"),
        (86400, "1 d 0 h"),
        (442800, "5 d 3 h"),
    ],
)
def test_people_read_durations_in_their_two_largest_parts(seconds: float | None, text: str) -> None:
    assert human_seconds(seconds) == text


@given(st.integers(60, 10**9))
def test_a_duration_for_people_is_never_more_than_a_part_short(seconds: int) -> None:
    parts = {"s": 1, "min": 60, "h": 3600, "d": 86400}
    big, big_unit, small, small_unit = human_seconds(seconds).split()
    told = int(big) * parts[big_unit] + int(small) * parts[small_unit]
    assert 0 <= seconds - told < parts[small_unit]
