"""The check of a request's credentials: a secret as a bearer token, or as the password of one user of basic auth."""

import base64
import binascii
import hmac
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """The user and the secret that a service knows. Has no repr that shows them."""

    user: str
    secret: bytes

    def match(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Whether the headers of an ASGI request have exactly one ``Authorization``, and it is right."""
        given = [value for name, value in headers if name == b"authorization"]
        scheme, _, credentials = (given[0] if len(given) == 1 else b"").partition(b" ")
        match scheme.lower():
            case b"bearer":
                return hmac.compare_digest(credentials.strip(), self.secret)
            case b"basic":
                return hmac.compare_digest(_decoded(credentials.strip()), self.user.encode() + b":" + self.secret)
        return False


def _decoded(given: bytes) -> bytes:
    try:
        return base64.b64decode(given, validate=True)
    except binascii.Error:
        return b""
