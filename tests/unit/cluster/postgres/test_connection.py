import ipaddress
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509

from cluster.endpoints import client_host, host_address, host_endpoint
from cluster.postgres.connection import Access, connect
from cluster.postgres.failures import ConnectError, Failure
from compose.home import certificates
from compose.home.paths import Home
from tests.fix_settings import settings_of, topology_of


def _access(port: int = 1) -> Access:
    return Access(
        host="127.0.0.1", port=port, user="monitor", password="hunter2-hunter2", ca=Path("/none"), connect_timeout=2
    )


def test_an_access_never_shows_its_password() -> None:
    assert "hunter2" not in repr(_access())
    assert "hunter2" not in f"{_access()}"
    assert "monitor@127.0.0.1" in repr(_access())


@pytest.mark.parametrize(
    ("bind", "host"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("192.0.2.7", "192.0.2.7")]
)
def test_this_host_reaches_the_ports_where_they_listen(bind: str, host: str) -> None:
    assert host_address(settings_of(bind=bind)) == host


@pytest.mark.parametrize(
    ("bind", "names", "host"),
    [
        ("127.0.0.1", "db.example", "127.0.0.1"),
        ("0.0.0.0", "db.example,db", "db.example"),
        ("0.0.0.0", "", "127.0.0.1"),
        ("192.0.2.7", "db.example", "db.example"),
        ("192.0.2.7", "", "192.0.2.7"),
    ],
)
def test_applications_are_given_the_name_that_others_know(bind: str, names: str, host: str) -> None:
    assert client_host(settings_of(bind=bind, tls_names=names)) == host


@pytest.mark.parametrize("bind", ["127.0.0.1", "0.0.0.0", "127.0.0.7", "192.0.2.7"])
def test_the_address_this_host_uses_is_one_the_certificates_are_good_for(bare_home: Home, bind: str) -> None:
    settings = settings_of(bind=bind, replicas="0")
    certificates.ensure_all(bare_home, settings, topology_of(settings))
    certificate = x509.load_pem_x509_certificate((bare_home.tls / "primary" / "server.crt").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert ipaddress.ip_address(host_address(settings)) in names.get_values_for_type(x509.IPAddress)


def test_every_service_has_its_endpoint() -> None:
    settings = settings_of(primary_port="15440", pgbouncer_port="16432")
    topology = topology_of(settings)
    assert host_endpoint(settings, topology, "haproxy") == ("127.0.0.1", 15440)
    assert host_endpoint(settings, topology, "primary") == ("127.0.0.1", 5435)
    assert host_endpoint(settings, topology, "replica2") == ("127.0.0.1", 5434)
    assert host_endpoint(settings, topology, "pgbouncer") == ("127.0.0.1", 16432)


def test_a_server_that_is_not_there_is_one_clear_line(free_port: int) -> None:
    with pytest.raises(ConnectError) as refusal, connect(_access(free_port)):
        raise AssertionError("connected to nothing")
    assert refusal.value.message == f"nothing listens at 127.0.0.1:{free_port}: Connection refused"
    assert "\n" not in refusal.value.message
    assert "hunter2" not in refusal.value.message
    assert refusal.value.kind is Failure.REFUSED


def test_a_name_that_nobody_has_is_a_container_that_does_not_run(free_port: int) -> None:
    with pytest.raises(ConnectError) as refusal, connect(replace(_access(free_port), host="replica9.invalid")):
        raise AssertionError("connected to nothing")
    assert refusal.value.message == "there is no replica9.invalid in the network: its container does not run"
    assert refusal.value.kind is Failure.UNREACHABLE


def test_a_server_that_accepts_and_says_nothing_gave_no_answer(free_port: int) -> None:
    with socket.create_server(("127.0.0.1", free_port)):
        with pytest.raises(ConnectError) as refusal, connect(_access(free_port)):
            raise AssertionError("connected to nothing")
        assert refusal.value.message == f"127.0.0.1:{free_port} gave no answer within 2 s"
        assert refusal.value.kind is Failure.TIMEOUT
