"""Names of objects, which must be good for a file system and a bucket alike."""

import hashlib
import re

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}(/[A-Za-z0-9][A-Za-z0-9._-]{0,254})*\Z")
_LONGEST = 900
"""S3 takes 1,024 bytes, the prefix included."""
SHA256 = "sha256"


def is_key(key: str) -> bool:
    """Whether an object of ours may be called that."""
    return len(key) <= _LONGEST and _KEY.match(key) is not None


def check_key(key: str) -> str:
    """Return ``key`` if an object may be called that: no `..`, nothing hidden, nothing a shell would mind.

    Raises:
        ValueError: it may not.
    """
    if not is_key(key):
        raise ValueError(f"not the name of an object: {key!r}")
    return key


def sha256(body: bytes | bytearray | memoryview) -> str:
    """SHA-256 in hex, as it is kept in metadata."""
    return hashlib.sha256(body).hexdigest()
