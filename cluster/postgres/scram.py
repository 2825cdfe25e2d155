"""SCRAM-SHA-256 verifiers: what PostgreSQL keeps of a password (``rolpassword``).

Sources: RFC 5803 for a verifier's form, RFC 5802 for its keys. Works for ASCII, where SASLprep is the identity.
"""

import base64
import hashlib
import hmac
import secrets

MECHANISM = "SCRAM-SHA-256"
_ITERATIONS = 4096
"""PostgreSQL's default (scram_iterations)."""


def make_verifier(password: str) -> str:
    """A verifier of ``password`` with a new salt. psycopg makes one only where there is a connection."""
    salt = secrets.token_bytes(16)
    salted = _salted(password, salt, _ITERATIONS)
    stored, server = _stored_key(salted), hmac.digest(salted, b"Server Key", "sha256")
    shown = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"{MECHANISM}${_ITERATIONS}:{shown[0]}${shown[1]}:{shown[2]}"


def matches(password: str, verifier: str | None) -> bool:
    """Whether ``verifier`` was made from ``password``; nothing matches one that is malformed."""
    try:
        mechanism, iterations_salt, keys = (verifier or "").split("$")
        iterations, salt = iterations_salt.split(":")
        stored = base64.b64decode(keys.split(":")[0])
        salted = _salted(password, base64.b64decode(salt), int(iterations))
    except (ValueError, OverflowError):
        return False
    return mechanism == MECHANISM and hmac.compare_digest(_stored_key(salted), stored)


def _salted(password: str, salt: bytes, iterations: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)


def _stored_key(salted: bytes) -> bytes:
    return hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
