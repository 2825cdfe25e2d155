"""Password files and service files of the application and of declared roles."""

import configparser
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from cluster.config.docker_hosts import DockerHosts, Host
from cluster.errors import RefusedError
from cluster.topology import Node, Topology
from compose.home import passwords, pgpass, role_passwords
from compose.home.paths import Home
from compose.home.role_passwords import role_files
from tests.fix_settings import settings_of, topology_of, with_roles
from tests.unit.strategies import topologies

SETTINGS = settings_of(user="shop", tls_names="db.example.org")


def app_pgpass(home: Home) -> Path:
    """The application's."""
    return home.secrets / "app.pgpass"


@given(topologies())
def test_it_names_every_server_and_nobody_but_the_application(topology: Topology) -> None:
    lines = pgpass.pgpass(SETTINGS, topology, "shop", "correct-horse").splitlines()
    services = {"pgbouncer", "haproxy", *topology.names}
    assert len(lines) == len(set(lines)) == 4 * len(services)
    assert {line.split(":")[0] for line in lines} == {"127.0.0.1", "localhost", "db.example.org", *services}
    for line in lines:
        _, port, _, user, password = line.split(":")
        assert port.isdigit(), "a wildcard would answer any server of this host"
        assert (user, password) == ("shop", "correct-horse")


@pytest.mark.parametrize(("bind", "hosts"), [("0.0.0.0", {"127.0.0.1", "localhost"}), ("192.0.2.7", {"192.0.2.7"})])
def test_its_hosts_are_those_that_clients_name(bind: str, hosts: set[str]) -> None:
    settings = settings_of(bind=bind)
    topology = topology_of(settings)
    found = {line.split(":")[0] for line in pgpass.pgpass(settings, topology, settings.user, "x").splitlines()}
    assert found - {"pgbouncer", "haproxy", *topology.names} == hosts


def test_it_is_closed_and_follows_the_password(bare_home: Home) -> None:
    passwords.ensure(bare_home, SETTINGS, first=True)
    pgpass.ensure(bare_home, SETTINGS, topology_of(SETTINGS))
    before = app_pgpass(bare_home).read_text()
    assert app_pgpass(bare_home).stat().st_mode & 0o777 == 0o600
    path = passwords.password_file(bare_home, passwords.APP)
    path.write_text("another-password-1\n")
    pgpass.ensure(bare_home, SETTINGS, topology_of(SETTINGS))
    assert "another-password-1" in app_pgpass(bare_home).read_text()
    assert before != app_pgpass(bare_home).read_text()
    assert app_pgpass(bare_home).stat().st_mode & 0o777 == 0o600


def test_psql_has_a_line_for_every_role_a_person_logs_in_as(bare_home: Home) -> None:
    settings = with_roles("reporting", "loader")
    own = passwords.ensure(bare_home, settings, first=True)
    declared = role_passwords.ensure(bare_home, settings)
    pgpass.ensure(bare_home, settings, topology_of(settings))
    assert (bare_home.secrets / "pgpass").read_text().splitlines() == [
        f"*:*:*:shop:{own['app']}",
        f"*:*:*:reporting:{declared['reporting']}",
        f"*:*:*:loader:{declared['loader']}",
        f"*:*:*:postgres:{own['superuser']}",
        f"*:*:*:monitor:{own['monitor']}",
        f"*:*:*:pods_admin:{own['admin']}",
    ]


def test_each_declared_role_has_a_file_of_its_own_with_its_own_password_alone(bare_home: Home) -> None:
    settings = with_roles("reporting", "loader")
    passwords.ensure(bare_home, settings, first=True)
    declared = role_passwords.ensure(bare_home, settings)
    pgpass.ensure(bare_home, settings, topology_of(settings))
    path = role_files(bare_home, settings, "reporting").pgpass
    assert path.stat().st_mode & 0o777 == 0o600
    wanted = pgpass.pgpass(settings, topology_of(settings), "reporting", declared["reporting"])
    assert path.read_text() == wanted
    assert {line.rpartition(":")[0].rpartition(":")[2] for line in wanted.splitlines()} == {"reporting"}


def test_nothing_is_written_a_second_time(bare_home: Home) -> None:
    settings = with_roles("reporting")

    def state() -> dict[str, tuple[int, int]]:
        files = [path for path in bare_home.secrets.rglob("*") if path.is_file()]
        return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}

    passwords.ensure(bare_home, settings, first=True)
    role_passwords.ensure(bare_home, settings)
    pgpass.ensure(bare_home, settings, topology_of(settings))
    before = state()
    role_passwords.ensure(bare_home, settings)
    pgpass.ensure(bare_home, settings, topology_of(settings))
    assert state() == before


def test_psql_s_file_that_was_opened_to_others_is_refused_since_it_holds_the_superuser_s_password(
    bare_home: Home,
) -> None:
    passwords.ensure(bare_home, SETTINGS, first=True)
    pgpass.ensure(bare_home, SETTINGS, topology_of(SETTINGS))
    (bare_home.secrets / "pgpass").chmod(0o644)
    with pytest.raises(RefusedError, match=r"pgpass is open to other users \(mode 0644\)"):
        pgpass.ensure(bare_home, SETTINGS, topology_of(SETTINGS))


def test_no_other_password_is_in_it(bare_home: Home) -> None:
    passwords.ensure(bare_home, SETTINGS, first=True)
    pgpass.ensure(bare_home, SETTINGS, topology_of(SETTINGS))
    text = app_pgpass(bare_home).read_text()
    for name in (*passwords.ALL, *passwords.LATER):
        assert (passwords.password_file(bare_home, name).read_text().strip() in text) == (name == passwords.APP)


def services(text: str) -> dict[str, dict[str, str]]:
    """A service file as libpq reads it."""
    found: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        if line.startswith("["):
            found[line.strip("[]")] = section = {}
        elif not line.startswith("#"):
            name, _, value = line.partition("=")
            section[name] = value
    return found


def test_a_service_for_each_way_into_each_database_that_the_role_may_enter(bare_home: Home) -> None:
    settings = with_roles("reporting")
    passwords.ensure(bare_home, settings, first=True)
    role_passwords.ensure(bare_home, settings)
    pgpass.ensure(bare_home, settings, topology_of(settings))
    files = role_files(bare_home, settings, "shop")
    assert files.service.stat().st_mode & 0o777 == 0o600
    found = services(files.service.read_text())
    ports = {name: (each["port"], each["dbname"]) for name, each in found.items()}
    assert ports == {
        "appdb": ("6432", "appdb"),
        "appdb_read": ("6432", "appdb_read"),
        "appdb_direct": ("5440", "appdb"),
    }
    password = files.password.read_text().strip()
    assert {(each["user"], each["password"], each["sslmode"]) for each in found.values()} == {
        ("shop", password, "verify-full")
    }
    nowhere = services(role_files(bare_home, settings, "reporting").service.read_text())
    assert [each["user"] for each in nowhere.values()] == ["reporting"], "where its login is remembered"


def test_over_several_docker_hosts_passwords_and_services_name_all_of_them(bare_home: Home) -> None:
    hosts = DockerHosts(hosts=tuple(Host(name=name, address=f"10.0.0.{at}") for at, name in enumerate(("a", "b"), 1)))
    settings = replace(settings_of(), hosts=hosts)
    nodes = tuple(Node(name=host.name, ordinal=at, host=host.name) for at, host in enumerate(hosts.hosts, 1))
    topology = replace(topology_of(settings), nodes=nodes, primary="b", engine="patroni")
    passwords.ensure(bare_home, settings, first=True)
    pgpass.ensure(bare_home, settings, topology)
    files = role_files(bare_home, settings, "app")
    lines = {line.rpartition(":*:")[0] for line in files.pgpass.read_text().splitlines()}
    assert {"10.0.0.1:6432", "10.0.0.2:6432", "10.0.0.1:5432", "10.0.0.2:5432"} <= lines
    services = configparser.ConfigParser()
    services.read_string(files.service.read_text())
    pooled, direct = services["appdb"], services["appdb_direct"]
    assert (pooled["host"], pooled["port"], pooled["connect_timeout"]) == ("10.0.0.1,10.0.0.2", "6432,6432", "2")
    assert (direct["host"], direct["port"]) == ("10.0.0.2,10.0.0.1", "5432,5432")
    assert direct["target_session_attrs"] == "read-write"
    java = configparser.ConfigParser()
    java.optionxform = str  # type: ignore[assignment,method-assign]
    java.read_string(files.jdbc.read_text())
    assert {"connect_timeout", "target_session_attrs"}.isdisjoint(key for each in java.values() for key in each)
    assert {key: java["appdb"][key] for key in ("host", "connectTimeout", "loadBalanceHosts", "password")} == {
        "host": pooled["host"],
        "connectTimeout": "2",
        "loadBalanceHosts": "true",
        "password": pooled["password"],
    }
    assert (java["appdb_direct"]["targetServerType"], java["appdb_direct"]["port"]) == ("primary", "5432,5432")
