import configparser
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.errors import UsageError
from cluster.guide_config import GuideConfig, GuideMember, config_text, databases_text, parse_config
from cluster.guide_status import GuideStatus, read_guide_status, write_guide_status
from guide import requests
from guide.console import pooler_reading
from guide.decision import PoolerReading
from guide.follower import GuideFiles
from guide.hold import HOLD_FILE, LONGEST, read_hold, remove_hold, write_hold

CONFIG = GuideConfig(
    members=tuple(GuideMember(name=name, agent=8008) for name in ("alpha", "beta", "gamma")),
    pools={"appdb": "dbname=appdb auth_dbname=asked.the.primary", "appdb_write": "dbname=appdb pool_mode=session"},
    verifiers={"asked.the.primary": "dbname=postgres pool_size=2"},
)


def test_a_configuration_is_read_back() -> None:
    assert parse_config(config_text(CONFIG)) == CONFIG
    with pytest.raises(ValueError, match="guide's configuration"):
        parse_config('{"format": 0}')


def test_the_part_of_pgbouncers_configuration() -> None:
    parser = configparser.RawConfigParser(delimiters="=")
    parser.read_string(databases_text(CONFIG, "beta"))
    assert dict(parser["databases"]) == {
        "appdb": "host=beta port=5432 dbname=appdb auth_dbname=asked.the.primary",
        "appdb_write": "host=beta port=5432 dbname=appdb pool_mode=session",
        "asked.the.primary": "host=beta,alpha,gamma port=5432 load_balance_hosts=disable dbname=postgres pool_size=2",
    }


def test_who_is_at_another_port_is_no_spare_for_verifiers() -> None:
    config = GuideConfig(
        members=(GuideMember(name="a", port=5441), GuideMember(name="b", port=5442)), verifiers={"v": ""}
    )
    assert "v = host=b port=5442 \n" in databases_text(config, "b")


def test_nobody_is_led_to_who_is_no_node() -> None:
    with pytest.raises(KeyError):
        databases_text(CONFIG, "delta")


def test_an_order_ends_by_itself(tmp_path: Path) -> None:
    write_hold(tmp_path, 1000.0, 30.0)
    order = read_hold(tmp_path, 1029.0)
    assert order is not None
    assert order.until == 1030.0
    assert read_hold(tmp_path, 1030.0) is None
    assert read_hold(tmp_path, 900.0) is None, "a clock that was set back makes it no longer"
    remove_hold(tmp_path)
    assert read_hold(tmp_path, 1001.0) is None


def test_an_order_is_forgotten_where_nobody_leads_and_nothing_is_waited_for(tmp_path: Path) -> None:
    write_hold(tmp_path, time.time(), 30.0)
    requests.forget(GuideFiles(volume=tmp_path))
    assert read_hold(tmp_path, time.time()) is None


@pytest.mark.parametrize("seconds", [0.0, -1.0, LONGEST + 1, float("nan"), float("inf")])
def test_nobody_is_held_for_longer_than_clients_wait(tmp_path: Path, seconds: float) -> None:
    with pytest.raises(UsageError):
        write_hold(tmp_path, 1000.0, seconds)
    assert not (tmp_path / HOLD_FILE).exists()


@given(st.binary(max_size=200))
def test_a_damaged_order_is_none(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    volume = tmp_path_factory.mktemp("volume")
    (volume / HOLD_FILE).write_bytes(content)
    assert read_hold(volume, 1000.0) is None


def test_an_order_that_somebody_made_endless_is_not(tmp_path: Path) -> None:
    (tmp_path / HOLD_FILE).write_text('{"format": 1, "since": 1000.0, "until": 1e12}')
    assert read_hold(tmp_path, 1000.0 + LONGEST) is None


def test_a_status_is_read_back(tmp_path: Path) -> None:
    status = GuideStatus(updated=5.0, leader="alpha", leads="alpha", pooler=True, members={"alpha": "leads, writes"})
    write_guide_status(tmp_path, status)
    assert read_guide_status(tmp_path) == status
    assert status.well
    assert status.follows(10.0)
    assert not status.follows(60.0)
    (tmp_path / "status.json").write_text("{")
    assert read_guide_status(tmp_path) is None


def _row(name: str, host: str | None, paused: int = 0) -> dict[str, object]:
    return {"name": name, "host": host, "paused": paused}


def test_what_pgbouncer_has() -> None:
    rows = [_row("pgbouncer", None), _row("a", "alpha"), _row("b", "alpha", 1), _row("other", "gamma", 1)]
    both = frozenset({"a", "b"})
    assert pooler_reading(rows, both, held=False) == PoolerReading(leads="alpha", pools=both, paused=frozenset({"b"}))
    assert pooler_reading(rows, both, held=True).paused == both
    assert pooler_reading(rows, {"a", "other"}, held=False).leads == "", "not all lead to one node"
    assert pooler_reading(rows, {"a", "new"}, held=False).leads == "", "one is missing"
