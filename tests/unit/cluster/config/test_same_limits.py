"""What `config.check` takes, the services take: their own parsers on the same values."""

from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import pytest
from botocore.exceptions import InvalidRegionError
from botocore.handlers import VALID_BUCKET
from botocore.utils import validate_region_name
from hypothesis import example, given
from hypothesis import strategies as st

from backup.schedule import parse_schedule
from backup.store.keys import check_key
from cluster.config import validators
from cluster.config.env_file import load_settings, services_env
from cluster.config.settings import KEPT_FREE
from cluster.errors import UsageError
from tests.fix_settings import settings_of
from tests.setting_trials import TRIALS


def _accepts(parse: Any, text: str) -> bool:
    try:
        parse(text)
    except (ValueError, UsageError, InvalidRegionError):
        return False
    return True


_numbers = st.integers(0, 62).map(str)
_words = "JAN feb Sun MON L LW 5L 2#3 x * 1-5 */7 5-1 3/2 */0"
_names = st.sampled_from(["", *_words.split()])
_pair = st.tuples(_numbers, _numbers)
_part = st.one_of(_numbers, _names, _pair.map("-".join), _pair.map("/".join))
_field = st.lists(_part, min_size=1, max_size=2).map(",".join)
_plain = st.sampled_from(["*", "1", "0", "31", "30", "2", "2,4", "*/2", "1-5"])
_expressions = st.lists(_plain | _field, min_size=4, max_size=6).map(" ".join)


@given(_expressions)
@example("0 2 30 2 *")
@example("0 0 31 2,4,6 *")
@example("0 0 31 2 1")
@example("0 0 29 2 *")
@example("0 0 31 4 */2")
@example("0 2 * * 7")
@example("0 0 L 2 *")
def test_a_schedule_is_one_to_both_or_to_neither(expression: str) -> None:
    here = _accepts(validators.schedule, expression)
    assert here == _accepts(lambda text: parse_schedule(text, "UTC"), expression)


def test_every_time_zone_that_this_host_takes_the_services_have() -> None:
    """Debian keeps Europe/Kiev, US/Eastern and a hundred more in a package that an image may not have."""
    theirs = set(files("tzdata").joinpath("zones").read_text().split())
    ours = {name for name in available_timezones() | {"localtime", "right/UTC"} if _accepts(validators.time_zone, name)}
    assert {"UTC", "Europe/Kiev", "US/Eastern"} <= ours <= theirs


_key_text = st.text(st.sampled_from("aZ09._-/ ä"), max_size=12)


@given(_key_text)
@example("a/../b")
@example("/")
@example("a//b")
@example(".hidden")
def test_a_prefix_is_one_to_both(text: str) -> None:
    theirs = not text or _accepts(check_key, text.rstrip("/"))
    assert _accepts(validators.s3_prefix, text) == theirs


@given(_key_text)
def test_a_bucket_and_a_region_are_ones_to_both(text: str) -> None:
    assert _accepts(validators.bucket, text) == (not text or VALID_BUCKET.match(text) is not None)
    assert _accepts(validators.region, text) == (not text or _accepts(validate_region_name, text))


@pytest.mark.parametrize(
    ("name", "most", "unit"),
    [
        ("shared_buffers", 1_073_741_823, 8192),
        ("work_mem", 2_147_483_647, 1024),
        ("maintenance_work_mem", 2_147_483_647, 1024),
        ("max_wal_size", 2_147_483_647, 1 << 20),
        ("wal_budget", 2_147_483_647, 1 << 20),
        ("metrics_size", (1 << 63) - 1, 1),
    ],
)
def test_no_size_is_larger_than_its_program_counts(name: str, most: int, unit: int) -> None:
    """PostgreSQL's pg_settings.max_val and unit; Prometheus counts bytes in 64 bits."""
    for text in ("2047GB", "8191GB", "1024TB", "9000TB", f"{10**9}TB"):
        try:
            value = getattr(settings_of(**{name: text}), name)
        except UsageError:
            continue
        assert value // unit <= most
    with pytest.raises(UsageError) as refusal:
        settings_of(**{name: f"{10**9}TB"})
    assert "at most" in refusal.value.hint


@given(st.integers(25, 200), st.integers(1, 250))
def test_a_pool_fits_into_what_the_server_lets_in(connections: int, size: int) -> None:
    fits = _accepts(lambda _: settings_of(max_connections=str(connections), pool_size=str(size)), "")
    assert fits == (size <= connections - KEPT_FREE)


@pytest.mark.parametrize("variable", sorted(TRIALS))
def test_what_is_taken_here_is_read_again_by_the_services(variable: str, tmp_path: Path) -> None:
    """They read what `up` wrote for them with the same checks, in another system."""
    for value in TRIALS[variable].values:
        settings = load_settings(tmp_path, {**TRIALS[variable].beside, variable: value})
        (tmp_path / ".env").write_text(services_env(settings))
        again = load_settings(tmp_path, {})
        assert services_env(again) == services_env(settings)
        (tmp_path / ".env").unlink()
