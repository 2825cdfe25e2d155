"""The application's password file."""

import pytest
from hypothesis import given

from cluster.topology import Topology
from compose.home import passwords, pgpass
from compose.home.paths import Home
from tests.fix_settings import settings_of, topology_of
from tests.unit.strategies import topologies

SETTINGS = settings_of(user="shop", tls_names="db.example.org")


@given(topologies())
def test_it_names_every_server_and_nobody_but_the_application(topology: Topology) -> None:
    lines = pgpass.pgpass(SETTINGS, topology, "correct-horse").splitlines()
    assert len(lines) == len(set(lines)) == 3 * (2 + len(topology.nodes))
    for line in lines:
        host, port, _, user, password = line.split(":")
        assert host in ("127.0.0.1", "localhost", "db.example.org")
        assert port.isdigit(), "a wildcard would answer any server of this host"
        assert (user, password) == ("shop", "correct-horse")


@pytest.mark.parametrize(("bind", "hosts"), [("0.0.0.0", {"127.0.0.1", "localhost"}), ("192.0.2.7", {"192.0.2.7"})])
def test_its_hosts_are_those_that_clients_name(bind: str, hosts: set[str]) -> None:
    settings = settings_of(bind=bind)
    lines = pgpass.pgpass(settings, topology_of(settings), "x").splitlines()
    assert {line.split(":")[0] for line in lines} == hosts


def test_it_is_closed_and_follows_the_password(bare_home: Home) -> None:
    passwords.ensure(bare_home, SETTINGS, first=True)
    pgpass.ensure(bare_home, SETTINGS, topology_of(SETTINGS))
    before = bare_home.app_pgpass.read_text()
    assert bare_home.app_pgpass.stat().st_mode & 0o777 == 0o600
    path = passwords.password_file(bare_home, passwords.APP)
    path.write_text("another-password-1\n")
    bare_home.app_pgpass.chmod(0o644)
    pgpass.ensure(bare_home, SETTINGS, topology_of(SETTINGS))
    assert "another-password-1" in bare_home.app_pgpass.read_text()
    assert before != bare_home.app_pgpass.read_text()
    assert bare_home.app_pgpass.stat().st_mode & 0o777 == 0o600


def test_no_other_password_is_in_it(bare_home: Home) -> None:
    passwords.ensure(bare_home, SETTINGS, first=True)
    pgpass.ensure(bare_home, SETTINGS, topology_of(SETTINGS))
    text = bare_home.app_pgpass.read_text()
    for name in (*passwords.ALL, *passwords.LATER):
        assert (passwords.password_file(bare_home, name).read_text().strip() in text) == (name == passwords.APP)
