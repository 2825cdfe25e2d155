import base64
import hashlib
import hmac

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cluster.postgres.scram import make_verifier, matches

passwords = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64)


def _verifier(password: str, salt: bytes, iterations: int) -> str:
    """As PostgreSQL keeps it: RFC 5803's form of RFC 5802's StoredKey and ServerKey."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${iterations}:{encoded[0]}${encoded[1]}:{encoded[2]}"


@given(passwords, st.binary(min_size=1, max_size=32), st.integers(1, 4096))
@settings(max_examples=50)
def test_a_password_matches_its_own_verifier(password: str, salt: bytes, iterations: int) -> None:
    assert matches(password, _verifier(password, salt, iterations))


@given(passwords, passwords, st.binary(min_size=1, max_size=32))
def test_no_other_matches(password: str, other: str, salt: bytes) -> None:
    assert matches(other, _verifier(password, salt, 2)) == (other == password)


def test_the_example_of_rfc_7677_matches() -> None:
    """Its server signature says that these keys are made as the standard wants."""
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    verifier = _verifier("pencil", salt, 4096)
    salted = hashlib.pbkdf2_hmac("sha256", b"pencil", salt, 4096)
    message = (
        "n=user,r=rOprNGfwEbeRWgbNEkqO,"
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message.encode(), "sha256")
    assert base64.b64encode(signature) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    assert matches("pencil", verifier)
    assert not matches("pencils", verifier)


def test_a_role_without_a_password_matches_none() -> None:
    assert not matches("secret", None)
    assert not matches("", None)


@given(st.text(max_size=80))
@example("")
@example("md5" + "0" * 32)
@example("SCRAM-SHA-256$")
@example("SCRAM-SHA-256$4096:c2FsdA==$")
@example("SCRAM-SHA-256$0:c2FsdA==$c3RvcmVk:c2VydmVy")
@example("SCRAM-SHA-256$-1:c2FsdA==$c3RvcmVk:c2VydmVy")
@example("SCRAM-SHA-256$many:c2FsdA==$c3RvcmVk:c2VydmVy")
@example("SCRAM-SHA-256$99999999999999:c2FsdA==$c3RvcmVk:c2VydmVy")
@example("SCRAM-SHA-256$1:x$c3RvcmVk:c2VydmVy")
@example("SCRAM-SHA-256$1:ü$c3RvcmVk:c2VydmVy")
def test_garbage_matches_nothing_and_breaks_nothing(verifier: str) -> None:
    assert not matches("secret", verifier)


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-512", "", "scram-sha-256"])
def test_another_mechanism_s_verifier_matches_nothing(mechanism: str) -> None:
    verifier = _verifier("secret", b"salt", 10).replace("SCRAM-SHA-256", mechanism)
    assert not matches("secret", verifier)


@given(passwords, passwords)
@settings(max_examples=20)
def test_a_verifier_fits_its_password_and_no_other(password: str, other: str) -> None:
    made = make_verifier(password)
    assert matches(password, made)
    assert matches(other, made) == (other == password)
    assert make_verifier(password) != made, "a salt of its own each time"
