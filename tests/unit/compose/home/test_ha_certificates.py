"""Keys of etcd and Patroni: signed by their own authority, good for one host, and only that host's are shipped."""

import shutil
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cluster.config.docker_hosts import DockerHosts, Host
from cluster.config.env_file import load_settings
from compose.home import passwords
from compose.home.certificates import authority
from compose.home.certificates import ensure as ensure_cluster_certificates
from compose.home.ha_certificates import ensure_ha_certificates, ha_authority
from compose.home.hosts_secrets import ensure_hosts_passwords, host_secrets
from compose.home.paths import Home

ALPHA = Host(name="alpha", address="10.0.0.11")
WITNESS = Host(name="witness", address="10.0.0.13", ssh="u@w", roles=("etcd",))
HOSTS = DockerHosts(hosts=(ALPHA, WITNESS))


@pytest.fixture
def made(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    passwords.ensure(home, load_settings(tmp_path, {}), first=True)
    ensure_cluster_certificates(home, {"alpha": ("alpha",), "pgbouncer-alpha": ("pgbouncer",)})
    ensure_hosts_passwords(home)
    ensure_ha_certificates(home, HOSTS, project="demo")
    return home


def _certificate(home: Home, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((home.host_secrets / name).read_bytes())


def test_a_member_of_etcd_shows_its_certificate_as_server_and_as_client(made: Home) -> None:
    certificate = _certificate(made, "alpha/etcd.crt")
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(name.value) for name in names} == {"etcd-alpha", "alpha", "10.0.0.11", "localhost", "127.0.0.1"}


@pytest.mark.parametrize("name", ["alpha/etcd.crt", "alpha/patroni.crt", "control/client.crt", "exporter/client.crt"])
def test_what_a_client_shows_has_no_common_name_which_the_gateway_of_etcd_refuses(made: Home, name: str) -> None:
    assert not _certificate(made, name).subject.get_attributes_for_oid(NameOID.COMMON_NAME)


def test_no_key_of_the_cluster_opens_the_store(made: Home) -> None:
    assert not ha_authority(made).has_signed(made.tls / "alpha" / "server.crt")
    assert not authority(made).has_signed(made.host_secrets / "alpha" / "etcd.crt")


def test_a_second_run_makes_nothing_and_a_new_address_its_own(made: Home) -> None:
    assert ensure_ha_certificates(made, HOSTS, project="demo") == []
    moved = DockerHosts(hosts=(Host(name="alpha", address="10.0.0.14"), WITNESS))
    assert ensure_ha_certificates(made, moved, project="demo") == ["alpha/etcd", "alpha/patroni"]


def test_a_new_authority_signs_everything_anew(made: Home) -> None:
    ha_authority(made).key.unlink()
    assert ensure_ha_certificates(made, HOSTS, project="demo") == [
        "alpha/etcd",
        "alpha/patroni",
        "witness/etcd",
        "control/client",
        "exporter/client",
    ]


def test_a_host_gets_what_its_services_need_and_no_more(made: Home) -> None:
    ensure_cluster_certificates(made, {"alpha": ("alpha",), "pgbouncer-alpha": ("pgbouncer",)})
    alpha, witness = host_secrets(made, ALPHA), host_secrets(made, WITNESS)
    assert set(witness) == {f"secrets/ha/etcd/{name}" for name in ("etcd.crt", "etcd.key", "ca.crt")}
    assert "secrets/replication_password" in alpha
    assert "secrets/ha/patroni/patroni.key" in alpha
    everything = b"".join([*alpha.values(), *witness.values()])
    for kept in (made.tls / "ca.key", ha_authority(made).key, made.secrets / "superuser_password"):
        assert kept.read_bytes().strip() not in everything
    assert not {path for path in alpha if "witness" in path or "app_password" in path or "etcd_root" in path}


def test_a_host_with_a_pooler_alone_knows_the_authority_and_has_no_key_of_it(made: Home) -> None:
    pooler = Host(name="alpha", address="10.0.0.11", roles=("pooler",))
    shutil.rmtree(made.host_secrets / "alpha")
    ensure_ha_certificates(made, DockerHosts(hosts=(pooler, WITNESS)), project="demo")
    given = host_secrets(made, pooler)
    assert given["secrets/ha/guide/ca.crt"] == ha_authority(made).certificate.read_bytes()
    assert not [path for path in given if path.startswith("secrets/ha/") and path.endswith(".key")]
