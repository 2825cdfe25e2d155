"""From when on, as people write it."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import UsageError
from cluster.insight.spans import parse_since

NOW = datetime(2026, 11, 27, 22, 30, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("15m", 900),
        ("1h", 3600),
        (" 90 min ", 5400),
        ("2D", 2 * 86400),
        ("1w", 7 * 86400),
        ("yesterday", 86400 + 22.5 * 3600),
        ("2026-11-27T22:00", 1800),
        ("2026-11-27 22:00:00", 1800),
        ("2026-11-27T23:00:00+01:00", 1800),
        ("2026-11-27", 22.5 * 3600),
    ],
)
def test_a_moment(text: str, ago: float) -> None:
    assert parse_since(text, NOW) == NOW - ago


@pytest.mark.parametrize(
    "text", ["", "soon", "0h", "-1h", "1y", "1.5h", "tomorrow", "2027-01-01", "9999999d", "2026-13-01"]
)
def test_no_moment_in_the_past(text: str) -> None:
    with pytest.raises(UsageError, match="no moment in the past"):
        parse_since(text, NOW)


@given(st.text(max_size=30))
def test_any_text_is_a_moment_in_the_past_or_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        assert 0 < parse_since(text, NOW) < NOW
