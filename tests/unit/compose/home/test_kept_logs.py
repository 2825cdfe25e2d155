"""Logs that are kept: read, saved, deleted, and what the doctor says of them."""

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster.errors import RefusedError, UsageError
from compose.home import kept_logs
from compose.home.paths import Home, make_log_directories
from compose.operations.log_findings import grown, short
from compose.report.logs import log_request, parse_since
from tests.fix_settings import settings_of

DAY = 86_400
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """With directories of a node and of PgBouncer."""
    (tmp_path / "data").mkdir()
    made = Home(tmp_path)
    make_log_directories(made, ["primary", "pgbouncer"])
    return made


def _line(number: int, message: str = "", **more: str) -> str:
    moment = datetime.fromtimestamp(NOW + number, UTC).strftime("%Y-%m-%d %H:%M:%S.000 UTC")
    return (
        json.dumps({"timestamp": moment, "message": message or f"line {number}", **more}, separators=(",", ":")) + "\n"
    )


def _put(home: Home, name: str, *lines: str, service: str = "primary") -> None:
    (home.logs / service / name).write_text("".join(lines))


def _latest(home: Home, most: int, *, audit: bool = False) -> list[str]:
    return [entry.message for entry in kept_logs.latest(home, "primary", most, audit=audit)]


AUDIT = "AUDIT: SESSION,1,1,WRITE,INSERT,TABLE,public.t,insert,<none>"


def test_the_latest_lines_go_back_over_files(home: Home) -> None:
    _put(home, "server-20261126T000000000Z.json", _line(1), _line(2))
    _put(home, "server-20261127T000000000Z.json", _line(3))
    _put(home, "server.json", _line(4), _line(5))
    assert _latest(home, 2) == ["line 4", "line 5"]
    assert _latest(home, 4) == ["line 2", "line 3", "line 4", "line 5"]
    assert _latest(home, 100) == [f"line {number}" for number in range(1, 6)]


def test_audit_is_apart_also_where_it_is_not_split_yet(home: Home) -> None:
    _put(home, "audit-20261126T000000000Z.json", _line(1, AUDIT))
    _put(home, "server-20261126T000000000Z.json", _line(2))
    _put(home, "raw-20261127T000000000Z.json", _line(3, AUDIT), _line(4))
    _put(home, "audit-20261127T000000000Z.json", _line(3, AUDIT))  # its split was interrupted
    _put(home, "server.json", _line(5), _line(6, AUDIT), _line(7, AUDIT, context="RAISE"))
    assert _latest(home, 100, audit=True) == ["WRITE INSERT public.t"] * 3
    assert _latest(home, 100) == ["line 2", "line 4", "line 5", AUDIT]


def test_since_begins_in_the_middle_of_a_file_and_leaves_old_ones_alone(home: Home) -> None:
    _put(home, "server-20261126T000000000Z.json", _line(-9000))
    os.utime(home.logs / "primary" / "server-20261126T000000000Z.json", (NOW - 9000, NOW - 9000))
    _put(home, "server.json", _line(1), "half a li\n", _line(5), "no time\n", _line(6))
    found = [entry.message for entry in kept_logs.since(home, "primary", NOW + 4)]
    assert found == ["line 5", "no time", "line 6"]


def test_what_is_not_ours_is_left_alone(home: Home) -> None:
    (home.logs / "primary" / "mine.txt").write_text("x")
    (home.logs / "primary" / "server-1.json").write_text("x")
    assert _latest(home, 10) == []
    kept_logs.delete_old(home, settings_of(), time.time() + 4000 * DAY)
    assert {path.name for path in (home.logs / "primary").iterdir()} == {"mine.txt", "server-1.json"}


def test_an_endless_line_is_cut_and_takes_no_more_memory(home: Home) -> None:
    _put(home, "server.json", "x" * (3 << 20), "\n", _line(1))
    first, second = kept_logs.latest(home, "primary", 5)
    assert (len(first.message), second.message) == (1 << 18, "line 1")


def test_the_log_of_a_container_is_saved_with_its_end(home: Home) -> None:
    kept_logs.save(home, "health", b"2026-11-27T12:00:00.000000001Z one\n2026-11-27T12:00:01.5Z two\n")
    assert [entry.message for entry in kept_logs.latest(home, "health", 5)] == ["one", "two"]
    assert (home.logs / "health").stat().st_mode & 0o777 == 0o700
    (saved,) = (home.logs / "health").glob("saved-*.log")
    assert saved.stat().st_mode & 0o777 == 0o600
    assert [entry.message for entry in kept_logs.since(home, "health", NOW + 1)] == ["two"]
    kept_logs.save(home, "gate", b"  \n")
    assert not (home.logs / "gate").exists()


def test_old_files_go_of_services_that_are_no_more_too(home: Home) -> None:
    settings = settings_of(log_days="7", audit_days="90")
    make_log_directories(home, ["replica9"])
    for kind, age in (("server", 6), ("server", 8), ("audit", 80), ("audit", 91)):
        name = f"{kind}-20261127T{age:09}Z.json"
        _put(home, name, _line(1), service="replica9")
        os.utime(home.logs / "replica9" / name, (NOW - age * DAY, NOW - age * DAY))
    _put(home, "server.json", _line(1), service="replica9")
    kept_logs.delete_old(home, settings, NOW)
    left = {path.name for path in (home.logs / "replica9").iterdir()}
    assert left == {"server-20261127T000000006Z.json", "audit-20261127T000000080Z.json", "server.json"}


def test_a_link_in_place_of_a_service_s_directory_is_not_followed(home: Home, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (home.logs / "forged").symlink_to(tmp_path / "elsewhere")
    assert "forged" not in kept_logs.services(home)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("2h", 7200), ("7d", 7 * DAY), ("2026-11-27T11:00", 3600), ("2026-11-27", 12 * 3600)],
)
def test_a_moment_is_an_age_or_a_time(text: str, seconds: int) -> None:
    assert parse_since(text, NOW) == NOW - seconds


@pytest.mark.parametrize("text", ["", "yesterday", "2", "-1h", "1w", "\x1b[2J"])
def test_another_one_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_since(text, NOW)
    assert refused.value.message.isprintable()


def test_flags_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(UsageError):
        log_request(None, 5, "1h", audit=False, follow=True, json=False)
    with pytest.raises(UsageError):
        log_request(None, 0, None, audit=False, follow=False, json=False)


def test_the_doctor_says_when_logs_grow_past_their_bound() -> None:
    settings = settings_of(log_size="1MB")
    assert [hurts for hurts, _, _ in grown({"primary": 1 << 20}, settings)] == [False]
    ((hurts, text, _),) = grown({"primary": 1 << 27, "pgbouncer": 5}, settings)
    assert hurts
    assert "primary" in text


def test_the_doctor_says_when_an_audit_has_no_room() -> None:
    assert list(short(5, 100, settings_of())) == []
    assert list(short(11, 100, settings_of(audit="ddl"))) == []
    assert [hurts for hurts, _, _ in short(9, 100, settings_of(audit="ddl"))] == [True]


def test_no_log_goes_into_the_data_of_a_replica_that_was_called_so_before(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (home.logs / "18" / "docker").mkdir(parents=True)
    with pytest.raises(RefusedError, match="a replica is called logs"):
        make_log_directories(home, ["primary", "logs"])
    assert [path.name for path in home.logs.iterdir()] == ["18"]
