from dataclasses import replace
from pathlib import Path

import pytest

from cluster.errors import RefusedError, UsageError
from cluster.topology import Copy
from cluster.topology_file import save
from compose import stack
from compose.home import passwords
from compose.home.paths import Home
from compose.stack import Stack, open_home, open_stack
from tests.fix_settings import settings_of, topology_of

SETTINGS = settings_of(database="shopdb", user="shop")


@pytest.fixture
def made(bare_home: Home) -> Stack:
    """A cluster with two replicas and secrets."""
    passwords.ensure(bare_home, SETTINGS, first=True)
    return Stack(bare_home, SETTINGS, topology_of(SETTINGS))


def test_a_role_reaches_a_node_with_its_own_password_over_the_project_s_ca(made: Stack) -> None:
    access = made.access("replica1", passwords.MONITOR)
    assert (access.host, access.port, access.user, access.database) == ("127.0.0.1", 5433, "monitor", "postgres")
    assert access.password == made.passwords[passwords.MONITOR]
    assert access.ca == made.home.ca


def test_the_application_s_role_is_the_one_that_was_asked_for(made: Stack) -> None:
    assert made.access("primary", passwords.APP).user == "shop"


def test_the_superuser_is_postgres(made: Stack) -> None:
    assert made.superuser("primary").user == "postgres"


def test_pgbouncer_is_asked_for_no_statement_timeout_since_it_would_refuse_the_login(made: Stack) -> None:
    assert made.access("pgbouncer", passwords.ADMIN, "pgbouncer").statement_timeout == 0
    assert made.access("primary", passwords.MONITOR).statement_timeout > 0


def test_services_are_touched_replicas_first_then_primary_then_pgbouncer(made: Stack) -> None:
    assert made.services[:4] == ("replica1", "replica2", "primary", "pgbouncer")
    switched = made.with_topology(replace(made.topology, primary="replica1"))
    assert switched.services[:4] == ("primary", "replica2", "replica1", "pgbouncer")


def test_what_watches_the_cluster_is_touched_last_and_what_it_asks_first(made: Stack) -> None:
    assert made.services[3:5] == ("pgbouncer", "haproxy")
    assert made.services[5:] == made.optional_services
    expected = ("gate", "exporter", "health", "backup", "sandbox", "prometheus", "alertmanager", "grafana")
    assert made.optional_services == expected


def test_a_cluster_that_nobody_watches_has_no_such_service(made: Stack) -> None:
    unwatched = replace(made, settings=settings_of(monitoring="off", health="off", backup="off"))
    assert unwatched.optional_services == ()
    with pytest.raises(RefusedError):
        unwatched.check_service("exporter")


@pytest.mark.parametrize("name", ["primary", "replica2", "pgbouncer", "health"])
def test_a_service_of_the_cluster_can_be_named(made: Stack, name: str) -> None:
    assert made.check_service(name) == name


def test_a_copy_can_be_named_and_is_none_of_the_services_that_the_cluster_needs(made: Stack) -> None:
    beside = made.with_topology(made.topology.with_copy(Copy(name="before", ordinal=4)))
    assert beside.check_service("before") == "before"
    assert beside.services == made.services
    assert beside.pools == made.pools


@pytest.mark.parametrize("name", ["replica9", "psql", "", "primary; id"])
def test_another_service_is_refused_with_those_there_are(made: Stack, name: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        made.check_service(name)
    assert "replica1, replica2, primary, pgbouncer" in refusal.value.hint


def test_a_stack_shows_no_password(made: Stack) -> None:
    assert made.passwords[passwords.SUPERUSER] not in repr(made)


def _home(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setattr(stack, "home_directory", lambda: path)
    monkeypatch.setattr(stack, "load_settings", lambda home: SETTINGS)


def test_without_a_cluster_there_is_nothing_to_open(bare_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    _home(monkeypatch, bare_home.path)
    with pytest.raises(RefusedError) as refusal:
        open_stack()
    assert str(bare_home.path) in refusal.value.message
    assert "inv up" in refusal.value.hint
    assert open_home() == (bare_home, SETTINGS)
    assert list(bare_home.path.iterdir()) == []


def test_a_cluster_that_was_made_is_opened(made: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    _home(monkeypatch, made.home.path)
    save(made.home.topology, made.home.topology_copy, made.topology)
    with pytest.raises(RefusedError):
        open_stack()
    made.home.compose_file.touch()
    assert open_stack() == made


def test_a_home_that_the_engine_cannot_name_is_refused_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PODS_HOME", str(tmp_path / "bad\udcff"))
    with pytest.raises(UsageError, match="no UTF-8"):
        open_home()


def test_a_home_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PODS_HOME", str(tmp_path / "typo"))
    with pytest.raises(UsageError, match="typo does not exist"):
        open_home()
