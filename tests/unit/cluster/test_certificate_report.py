"""When certificates end: written where they are made, read by whoever tells of it."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.certificate_report import CA, NAME, ending, read_ends, write_ends
from compose.home import certificate_authority, certificates
from compose.home.paths import Home
from tests.fix_settings import settings_of, topology_of

DAY = 86_400.0


def test_what_is_made_is_written_down(bare_home: Home) -> None:
    settings = settings_of()
    certificates.ensure_all(bare_home, settings, topology_of(settings))
    ends = read_ends(bare_home.rendered / "services" / NAME)
    assert {CA, "primary", "replica1", "replica2", "pgbouncer"} == set(ends)  # pages on loopback have no key
    assert ends["primary"] - time.time() == pytest.approx(certificate_authority.LIFE.total_seconds(), abs=2 * 3600)


def test_a_renewal_is_written_down(bare_home: Home) -> None:
    settings = settings_of()
    path = bare_home.rendered / "services" / NAME
    certificates.ensure_all(bare_home, settings, topology_of(settings))
    write_ends(path, {"primary": time.time()})
    certificates.ensure_all(bare_home, settings, topology_of(settings), renew=True)
    assert ending(read_ends(path), time.time()) == ""


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2, "ends": {}}', '{"format": 1, "ends": {"a": "x"}}'])
def test_what_cannot_be_read_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    assert read_ends(tmp_path / NAME) == {}
    assert read_ends(tmp_path / "missing") == {}


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.floats(-400, 400)))
def test_people_are_told_of_exactly_those_that_end_soon(days: dict[str, float]) -> None:
    line = ending({name: left * DAY for name, left in days.items()}, 0.0)
    soon = sorted(name for name, left in days.items() if left < 21)
    assert bool(line) == bool(soon)
    assert not soon or f": {', '.join(soon)};" in line


@pytest.mark.parametrize(("left", "words"), [(20.5, "in 20 days"), (0.5, "today"), (-1.0, "and are past")])
def test_the_first_end_is_named(left: float, words: str) -> None:
    assert f"certificates end {words}: primary" in ending({"primary": left * DAY, CA: 3000 * DAY}, 0.0)
