"""The project's own certificate authority, and a certificate for every server it runs.

Directories, not files, are mounted into containers: a renewed certificate is a rename inside one, which a file mount
would not follow. Keys are EC P-256. A key fits one face: it is good for the names of its own service, and a service
that serves no TLS has none. A certificate lives 90 days and is renewed when less than 30 are left.
"""

import ipaddress
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cluster.certificate_report import CA, NAME, RENEW_DAYS, write_ends
from cluster.config.settings import Settings
from cluster.files import write_atomically
from cluster.topology import Topology
from compose.home.certificate_names import Faces, faces_of
from compose.home.paths import Home, service_user
from compose.home.permissions import check_secrets

CA_LIFE = timedelta(days=3650)
LIFE = timedelta(days=90)
RENEW_BEFORE = timedelta(days=RENEW_DAYS)
_BACKDATE = timedelta(hours=1)
"""Hosts and containers whose clocks differ a little still accept a certificate just made."""


def ensure(home: Home, faces: Faces, *, renew: bool = False, project: str = "pods") -> list[str]:
    """Make the CA and certificates that are missing, expiring, or good for other names; return whose were made.

    Args:
        home: the cluster's home.
        faces: each service gets ``secrets/tls/<service>/``.
        renew: make every certificate anew (the CA stays).
        project: names the CA.
    """
    check_secrets(home)
    for directory in (home.secrets, home.tls):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _whole_pair(home.ca, _ca_key(home)) or not _lasts(home.ca):
        _make_ca(home, project)
        renew = True
    made = []
    for service, wanted in faces.items():
        if not wanted:
            _only_the_ca(home, service)
        elif renew or not _as_wanted(home, service, wanted):
            _make_certificate(home, service, wanted)
            made.append(service)
    return made


def ensure_all(home: Home, settings: Settings, topology: Topology, *, renew: bool = False) -> list[str]:
    """Make what is missing for every server of the cluster, good for this host's names; return whose was made."""
    faces = faces_of(settings, topology)
    made = ensure(home, faces, renew=renew, project=settings.project)
    write_ends(home.rendered / "services" / NAME, _ends(home, [name for name, names in faces.items() if names]))
    return made


def _ends(home: Home, services: Sequence[str]) -> dict[str, float]:
    """When each certificate ends (Unix seconds), the CA's among them."""
    files = {CA: home.ca, **{service: home.tls / service / "server.crt" for service in services}}
    return {name: ends.timestamp() for name, path in files.items() if (ends := expires(path)) is not None}


def expires(path: Path) -> datetime | None:
    """When the certificate in ``path`` ends (UTC), or None where there is none that can be read."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return None


def _ca_key(home: Home) -> Path:
    return home.tls / "ca.key"


def _only_the_ca(home: Home, service: str) -> None:
    """What a client checks with; a key that the service had is gone with what it was good for."""
    directory = _directory(home, service)
    for name in ("server.crt", "server.key"):
        (directory / name).unlink(missing_ok=True)
    copy = directory / "ca.crt"
    if not copy.exists() or copy.read_bytes() != home.ca.read_bytes():
        write_atomically(copy, home.ca.read_text(), 0o644, _owner())


def _directory(home: Home, service: str) -> Path:
    directory = home.tls / service
    directory.mkdir(mode=0o700, exist_ok=True)
    if owner := _owner():
        os.chown(directory, *owner)
    return directory


def _owner() -> tuple[int, int] | None:
    return service_user() if os.geteuid() == 0 else None


def _lasts(path: Path) -> bool:
    ends = expires(path)
    return ends is not None and ends - datetime.now(UTC) >= RENEW_BEFORE


def _as_wanted(home: Home, service: str, names: Sequence[str]) -> bool:
    """Whether the service's certificate is whole, ours, good for ``names`` and no other, and lasts, not too long."""
    shown, key = (home.tls / service / f"server.{kind}" for kind in ("crt", "key"))
    if not _whole_pair(shown, key) or not _same_ca(home, service) or not _lasts(shown):
        return False
    certificate = x509.load_pem_x509_certificate(shown.read_bytes())
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return _held(certificate) == set(names) and life <= LIFE + _BACKDATE


def _held(certificate: x509.Certificate) -> set[str]:
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in held}


def _whole_pair(certificate: Path, key: Path) -> bool:
    """Whether both can be read and belong together; a kill between their two renames parts them."""
    try:
        shown = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
        held = serialization.load_pem_private_key(key.read_bytes(), password=None).public_key()
    except (OSError, ValueError, TypeError):
        return False
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return shown.public_bytes(*form) == held.public_bytes(*form)


def _same_ca(home: Home, service: str) -> bool:
    """Whether the service's certificate was signed by the CA there is now, whose copy it has."""
    copy = home.tls / service / "ca.crt"
    if not copy.exists() or copy.read_bytes() != home.ca.read_bytes():
        return False
    ca = x509.load_pem_x509_certificate(home.ca.read_bytes())
    try:
        x509.load_pem_x509_certificate((home.tls / service / "server.crt").read_bytes()).verify_directly_issued_by(ca)
    except (ValueError, InvalidSignature):
        return False
    return True


def _make_ca(home: Home, project: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"PODS CA of {project}")
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        _builder(name, name, key, CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
    )
    _write_pair(home.tls, "ca", key, builder, key, owner=None)


def _make_certificate(home: Home, service: str, names: Sequence[str]) -> None:
    ca = x509.load_pem_x509_certificate(home.ca.read_bytes())
    ca_key = serialization.load_pem_private_key(_ca_key(home).read_bytes(), password=None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(_name(service), ca.subject, key, LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in dict.fromkeys(names)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    directory, owner = _directory(home, service), _owner()
    write_atomically(directory / "ca.crt", home.ca.read_text(), 0o644, owner)
    _write_pair(directory, "server", key, builder, ca_key, owner)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, life: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write_pair(
    directory: Path,
    stem: str,
    key: ec.EllipticCurvePrivateKey,
    builder: x509.CertificateBuilder,
    signer: ec.EllipticCurvePrivateKey,
    owner: tuple[int, int] | None,
) -> None:
    certificate = builder.sign(signer, hashes.SHA256())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_atomically(directory / f"{stem}.key", pem.decode(), 0o600, owner)
    write_atomically(
        directory / f"{stem}.crt", certificate.public_bytes(serialization.Encoding.PEM).decode(), 0o644, owner
    )
