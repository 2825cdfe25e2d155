import ipaddress
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from cluster.sizing import derive
from cluster.topology import Copy
from compose.home import certificate_authority
from compose.home.certificate_authority import expires
from compose.home.certificate_names import faces_of
from compose.home.certificates import ensure, ensure_all
from compose.home.paths import Home
from compose.render.compose_file import compose_stack
from tests.fix_settings import CONCRETE, settings_of, topology_of

SERVICES = ["primary", "replica1"]
LOCAL = ("localhost", "127.0.0.1")


OUTSIDE = ("db.example.org", "192.0.2.7")


def faces(services: list[str], *names: str) -> dict[str, tuple[str, ...]]:
    """Services as nodes are: each by its own name, on this host, and by ``names``."""
    return {service: (service, *LOCAL, *(names or OUTSIDE)) for service in services}


def _certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _leaf(home: Home, service: str = "primary") -> x509.Certificate:
    return _certificate(home.tls / service / "server.crt")


def _verify(home: Home, name: str, service: str = "primary") -> None:
    """As a client does that has only the CA."""
    subject = _subject(name)
    PolicyBuilder().store(Store([_certificate(home.ca)])).build_server_verifier(subject).verify(
        _leaf(home, service), []
    )


def _subject(name: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_fits(directory: Path, stem: str) -> bool:
    key = load_pem_private_key((directory / f"{stem}.key").read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.public_key() == _certificate(directory / f"{stem}.crt").public_key()


def _whole(home: Home, services: list[str]) -> bool:
    for service in services:
        _verify(home, service, service)
    return all(_key_fits(home.tls / service, "server") for service in services)


def _files(home: Home) -> dict[str, bytes]:
    return {str(path.relative_to(home.tls)): path.read_bytes() for path in home.tls.rglob("*") if path.is_file()}


@pytest.fixture
def made(bare_home: Home) -> Home:
    """A home with certificates of two services."""
    ensure(bare_home, faces(SERVICES, "db.example.org", "192.0.2.7"))
    return bare_home


def test_every_service_gets_a_certificate_that_a_client_with_the_ca_accepts(bare_home: Home) -> None:
    assert ensure(bare_home, faces(SERVICES, "db.example.org", "192.0.2.7", "2001:db8::7")) == SERVICES
    for service in SERVICES:
        for name in (service, "localhost", "127.0.0.1", "db.example.org", "192.0.2.7", "2001:db8::7"):
            _verify(bare_home, name, service)


def test_a_certificate_is_good_for_no_other_name(made: Home) -> None:
    for name in ("replica1", "evil.example.org", "192.0.2.8"):
        with pytest.raises(VerificationError):
            _verify(made, name, "primary")


def test_names_are_names_and_addresses_are_addresses(made: Home) -> None:
    names = _leaf(made).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["primary", "localhost", "db.example.org"]
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address(a) for a in ("127.0.0.1", "192.0.2.7")]


def test_a_name_given_twice_is_held_once(bare_home: Home) -> None:
    ensure(bare_home, faces(["primary"], "localhost", "primary", "127.0.0.1"))
    names = _leaf(bare_home).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert len(names) == 3


def test_each_service_has_key_certificate_and_ca_in_its_directory(made: Home) -> None:
    for service in SERVICES:
        assert {p.name for p in (made.tls / service).iterdir()} == {"ca.crt", "server.crt", "server.key"}
        assert (made.tls / service / "ca.crt").read_bytes() == made.ca.read_bytes()
        assert _key_fits(made.tls / service, "server")
    assert _key_fits(made.tls, "ca")


def test_the_ca_s_key_stays_on_the_host(made: Home) -> None:
    assert [path.parent for path in made.tls.rglob("ca.key")] == [made.tls]


def test_keys_and_directories_are_closed_to_others(made: Home) -> None:
    keys = list(made.tls.rglob("*.key"))
    assert len(keys) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}
    assert {stat.S_IMODE(p.stat().st_mode) for p in (made.tls, *(made.tls / s for s in SERVICES))} == {0o700}


def test_the_ca_signs_and_nothing_else_does(made: Home) -> None:
    ca, leaf = _certificate(made.ca), _leaf(made)
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_the_ca_is_named_after_the_cluster(bare_home: Home) -> None:
    ensure(bare_home, faces(["primary"]), project="shop")
    assert "PODS CA of shop" in _certificate(bare_home.ca).subject.rfc4514_string()


def test_a_second_time_nothing_is_made(made: Home) -> None:
    before = _files(made)
    assert ensure(made, faces(SERVICES, "db.example.org", "192.0.2.7")) == []
    assert _files(made) == before


def test_a_name_that_is_no_more_makes_certificates_anew(made: Home) -> None:
    assert ensure(made, faces(SERVICES, "db.example.org")) == SERVICES
    with pytest.raises(VerificationError):
        _verify(made, "192.0.2.7")


def test_a_certificate_of_a_year_as_they_were_once_is_made_anew(
    bare_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(certificate_authority, "LIFE", timedelta(days=365))
        ensure(bare_home, faces(SERVICES))
    assert ensure(bare_home, faces(SERVICES)) == SERVICES


def test_who_serves_nothing_has_the_ca_alone_and_loses_a_key_that_it_had(made: Home) -> None:
    assert ensure(made, {"primary": faces(["primary"])["primary"], "replica1": ()}) == []
    assert [path.name for path in (made.tls / "replica1").iterdir()] == ["ca.crt"]
    assert ensure(made, {"backup": ()}) == []
    assert (made.tls / "backup" / "ca.crt").read_bytes() == made.ca.read_bytes()


def test_who_serves_nothing_follows_a_new_ca(made: Home) -> None:
    ensure(made, {"backup": ()})
    made.ca.unlink()
    ensure(made, {"backup": ()})
    assert (made.tls / "backup" / "ca.crt").read_bytes() == made.ca.read_bytes()


def test_a_new_name_makes_certificates_anew_under_the_same_ca(made: Home) -> None:
    ca = made.ca.read_bytes()
    assert ensure(made, faces(SERVICES, "other.example.org")) == SERVICES
    assert made.ca.read_bytes() == ca
    _verify(made, "other.example.org")


def test_a_new_service_gets_its_own_and_the_others_keep_theirs(made: Home) -> None:
    before = _files(made)
    assert ensure(made, faces([*SERVICES, "replica2"])) == ["replica2"]
    assert {name: data for name, data in _files(made).items() if not name.startswith("replica2/")} == before
    _verify(made, "replica2", "replica2")


def test_renewing_makes_every_certificate_anew_and_keeps_the_ca(made: Home) -> None:
    before = _files(made)
    assert ensure(made, faces(SERVICES), renew=True) == SERVICES
    after = _files(made)
    kept = {name for name in before if before[name] == after[name]}
    assert kept == {"ca.crt", "ca.key", *(f"{service}/ca.crt" for service in SERVICES)}
    assert _whole(made, SERVICES)


@pytest.mark.parametrize(("life", "remade"), [(timedelta(days=29), SERVICES), (timedelta(days=31), [])])
def test_a_certificate_is_renewed_when_less_than_thirty_days_are_left(
    bare_home: Home, monkeypatch: pytest.MonkeyPatch, life: timedelta, remade: list[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(certificate_authority, "LIFE", life)
        ensure(bare_home, faces(SERVICES))
    assert ensure(bare_home, faces(SERVICES)) == remade


def test_an_expiring_ca_is_replaced_with_everything_it_signed(bare_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(certificate_authority, "CA_LIFE", timedelta(days=29))
        ensure(bare_home, faces(SERVICES))
    before = bare_home.ca.read_bytes()
    assert ensure(bare_home, faces(SERVICES)) == SERVICES
    assert bare_home.ca.read_bytes() != before
    assert _whole(bare_home, SERVICES)


@pytest.mark.parametrize("file", ["server.crt", "server.key", "ca.crt"])
def test_a_missing_file_makes_that_service_s_certificate_anew_and_keeps_the_ca(made: Home, file: str) -> None:
    ca = made.ca.read_bytes()
    (made.tls / "replica1" / file).unlink()
    assert ensure(made, faces(SERVICES)) == ["replica1"]
    assert made.ca.read_bytes() == ca
    assert _whole(made, SERVICES)


@pytest.mark.parametrize("file", ["server.crt", "server.key", "ca.crt"])
def test_a_damaged_file_makes_that_service_s_certificate_anew(made: Home, file: str) -> None:
    (made.tls / "replica1" / file).write_bytes(b"\0" * 100)
    assert ensure(made, faces(SERVICES)) == ["replica1"]
    assert _whole(made, SERVICES)


@pytest.mark.parametrize("file", ["ca.crt", "ca.key"])
def test_without_a_whole_ca_everything_is_made_anew(made: Home, file: str) -> None:
    (made.tls / file).unlink()
    assert ensure(made, faces(SERVICES)) == SERVICES
    assert _whole(made, SERVICES)


@pytest.mark.parametrize("file", ["ca.crt", "ca.key"])
def test_a_damaged_ca_is_replaced_with_everything_it_signed(made: Home, file: str) -> None:
    (made.tls / file).write_bytes(b"\0" * 100)
    assert ensure(made, faces(SERVICES), renew=True) == SERVICES
    assert _whole(made, SERVICES)


def _other_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_a_renewal_killed_between_key_and_certificate_is_finished_the_next_time(made: Home) -> None:
    (made.tls / "replica1" / "server.key").write_bytes(_other_key())
    assert ensure(made, faces(SERVICES)) == ["replica1"]
    assert _whole(made, SERVICES)


def test_a_new_ca_killed_between_key_and_certificate_is_finished_the_next_time(made: Home) -> None:
    (made.tls / "ca.key").write_bytes(_other_key())
    ensure(made, faces([*SERVICES, "replica2"]))
    assert _whole(made, [*SERVICES, "replica2"])


CLIENTS = ("exporter", "health", "prometheus", "alertmanager", "grafana", "backup")
"""Who has no key, as the settings are by default."""


def test_the_servers_of_data_are_good_for_the_cluster_s_address_and_the_names_asked_for(bare_home: Home) -> None:
    settings = settings_of(bind="192.0.2.7", tls_names="db.example.org,198.51.100.7", replicas="1")
    services = ["primary", "replica1", "pgbouncer"]
    assert ensure_all(bare_home, settings, topology_of(settings)) == services
    for service in services:
        for name in (service, "192.0.2.7", "db.example.org", "198.51.100.7", "127.0.0.1"):
            _verify(bare_home, name, service)
    assert [p.parent.name for p in bare_home.tls.glob("*/server.key") if p.parent.name in CLIENTS] == []


def test_a_copy_beside_the_cluster_has_a_certificate_too(bare_home: Home) -> None:
    settings = settings_of(replicas="0")
    topology = topology_of(settings).with_copy(Copy(name="before", ordinal=1))
    assert ensure_all(bare_home, settings, topology) == ["primary", "before", "pgbouncer"]


PAGES = {
    "web_bind": "192.0.2.8", "web_tls_names": "watch.example.org", "health_bind": "192.0.2.9", "health_tls": "on",
    "health_auth": "on", "health_tls_names": "status.example.org", "tls_names": "db.example.org", "bind": "192.0.2.7",
}  # fmt: skip


def test_a_page_over_tls_is_good_for_its_own_names_and_no_server_s_of_data(bare_home: Home) -> None:
    settings = settings_of(**PAGES)
    ensure_all(bare_home, settings, topology_of(settings))
    own = {"health": ("192.0.2.9", "status.example.org"), "prometheus": ("192.0.2.8", "watch.example.org")}
    for service, names in own.items():
        for name in (service, *names):
            _verify(bare_home, name, service)
        for other in ("pgbouncer", "primary", "db.example.org", "192.0.2.7", "127.0.0.1", "localhost"):
            with pytest.raises(VerificationError):
                _verify(bare_home, other, service)


@pytest.mark.parametrize("texts", [{}, PAGES])
def test_every_service_that_is_mounted_a_directory_of_certificates_has_one(texts: dict[str, str]) -> None:
    settings = settings_of(grafana="on", **texts)
    topology = topology_of(settings)
    services = compose_stack(settings, topology, derive(settings, topology.sizing), CONCRETE)["services"]
    sources = [Path(mount["source"]) for service in services.values() for mount in service["volumes"]]
    mounted = {path.relative_to("secrets/tls").parts[0] for path in sources if path.is_relative_to("secrets/tls")}
    assert mounted == set(faces_of(settings, topology))


def test_a_cluster_whose_services_all_had_keys_for_every_name_is_moved_over(bare_home: Home) -> None:
    settings = settings_of(tls_names="db.example.org")
    topology = topology_of(settings)
    servers = [*topology.names, "pgbouncer"]
    ensure(bare_home, faces([*servers, *CLIENTS], "db.example.org"), project=settings.project)
    before = _files(bare_home)
    assert ensure_all(bare_home, settings, topology) == list(topology.names), "they are good for haproxy's name, too"
    after = _files(bare_home)
    assert {name for name in before if name not in after} == {
        f"{service}/server.{kind}" for service in CLIENTS for kind in ("crt", "key")
    }
    kept = [name for name in after if not name.startswith(tuple(f"{node}/server." for node in topology.names))]
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}


@pytest.mark.parametrize("bind", ["0.0.0.0"])
def test_every_address_is_no_address_a_certificate_is_good_for(bare_home: Home, bind: str) -> None:
    settings = settings_of(bind=bind, replicas="0")
    ensure_all(bare_home, settings, topology_of(settings))
    with pytest.raises(VerificationError):
        _verify(bare_home, bind)


def test_a_cluster_s_certificates_are_made_once(bare_home: Home) -> None:
    settings = settings_of(bind="192.0.2.7", tls_names="db.example.org")
    ensure_all(bare_home, settings, topology_of(settings))
    assert ensure_all(bare_home, settings, topology_of(settings)) == []


def test_when_a_certificate_ends_can_be_told(made: Home) -> None:
    ends = expires(made.tls / "primary" / "server.crt")
    assert ends is not None
    assert timedelta(days=89) < ends - datetime.now(UTC) < timedelta(days=91)


def test_the_end_of_no_certificate_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "damaged.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    assert expires(tmp_path / "missing.crt") is None
    assert expires(tmp_path / "damaged.crt") is None


def test_a_certificate_just_made_is_good_on_a_clock_an_hour_behind(made: Home) -> None:
    assert _leaf(made).not_valid_before_utc < datetime.now(UTC) - timedelta(minutes=59)
