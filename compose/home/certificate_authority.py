"""A certificate authority of the project's own: a key that signs, and certificates it made.

Keys are EC P-256. A certificate lives 90 days and is renewed when less than 30 are left.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cluster.certificate_report import RENEW_DAYS
from cluster.files import write_atomically

CA_LIFE = timedelta(days=3650)
LIFE = timedelta(days=90)
RENEW_BEFORE = timedelta(days=RENEW_DAYS)
_BACKDATE = timedelta(hours=1)
"""Hosts and containers whose clocks differ a little still accept a certificate just made."""
Usage = tuple[x509.ObjectIdentifier, ...]
"""What a certificate may be shown for: to clients, by clients, or both."""
SERVER: Usage = (ExtendedKeyUsageOID.SERVER_AUTH,)
PEER: Usage = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
CLIENT: Usage = (ExtendedKeyUsageOID.CLIENT_AUTH,)


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """``<stem>.crt``, which everybody checks with, and ``<stem>.key``, which never leaves this directory."""

    directory: Path
    stem: str

    @property
    def certificate(self) -> Path:
        """What clients check with."""
        return self.directory / f"{self.stem}.crt"

    @property
    def key(self) -> Path:
        """What signs."""
        return self.directory / f"{self.stem}.key"

    def ensure(self, name: str) -> bool:
        """Make it where it is missing, broken or ends soon; whether it was made: what it signed before is worthless."""
        if whole_pair(self.certificate, self.key) and lasts(self.certificate):
            return False
        key, subject = ec.generate_private_key(ec.SECP256R1()), _name(name)
        builder = (
            _builder(subject, subject, key, CA_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_signing(), critical=True)
        )
        _write_pair(self.directory, self.stem, key, builder, key, owner=None)
        return True

    def has_signed(self, certificate: Path) -> bool:
        """Whether it is this one that signed ``certificate``."""
        ca = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        try:
            x509.load_pem_x509_certificate(certificate.read_bytes()).verify_directly_issued_by(ca)
        except (OSError, ValueError, InvalidSignature):
            return False
        return True

    def as_wanted(self, directory: Path, stem: str, names: Sequence[str], usage: Usage) -> bool:
        """Whether a certificate is whole, ours, good for ``names`` and ``usage`` alone, and lasts, not too long."""
        shown = directory / f"{stem}.crt"
        if not whole_pair(shown, directory / f"{stem}.key") or not self.has_signed(shown) or not lasts(shown):
            return False
        certificate = x509.load_pem_x509_certificate(shown.read_bytes())
        life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        return _held(certificate) == set(names) and _usage(certificate) == usage and life <= LIFE + _BACKDATE

    def issue(
        self,
        directory: Path,
        stem: str,
        subject: str,
        names: Sequence[str],
        usage: Usage,
        owner: tuple[int, int] | None,
    ) -> None:
        """Make ``<stem>.key`` and ``<stem>.crt`` in ``directory``, good for ``names``."""
        ca = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        ca_key = serialization.load_pem_private_key(self.key.read_bytes(), password=None)
        assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = [_general(name) for name in dict.fromkeys(names)]
        builder = (
            _builder(_subject(subject, usage), ca.subject, key, LIFE)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(x509.ExtendedKeyUsage(usage), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        )
        _write_pair(directory, stem, key, builder, ca_key, owner)


def expires(path: Path) -> datetime | None:
    """When the certificate in ``path`` ends (UTC), or None where there is none that can be read."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return None


def lasts(path: Path) -> bool:
    """Whether the certificate in ``path`` need not be renewed yet."""
    ends = expires(path)
    return ends is not None and ends - datetime.now(UTC) >= RENEW_BEFORE


def _held(certificate: x509.Certificate) -> set[str]:
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in held}


def _usage(certificate: x509.Certificate) -> Usage:
    return tuple(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def whole_pair(certificate: Path, key: Path) -> bool:
    """Whether both can be read and belong together; a kill between their two renames parts them."""
    try:
        shown = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
        held = serialization.load_pem_private_key(key.read_bytes(), password=None).public_key()
    except (OSError, ValueError, TypeError):
        return False
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return shown.public_bytes(*form) == held.public_bytes(*form)


def _signing() -> x509.KeyUsage:
    return x509.KeyUsage(
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


def _subject(name: str, usage: Usage) -> x509.Name:
    """Without a common name where clients show it: etcd's gateway refuses those, and Patroni comes by that."""
    kind = NameOID.ORGANIZATION_NAME if ExtendedKeyUsageOID.CLIENT_AUTH in usage else NameOID.COMMON_NAME
    return x509.Name([x509.NameAttribute(kind, name)])


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
