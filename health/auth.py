"""Authentication: none, or the secret, as a bearer token or as the password of user `health` of basic auth."""

import base64
import binascii
import hmac
from dataclasses import dataclass
from typing import Any

from health.problem_details import ProblemDetails

USER = b"health"
OPEN_PATHS = frozenset({"/livez"})
"""For the engine's own health check; says nothing of the cluster."""
_CHALLENGE = (("WWW-Authenticate", 'Basic realm="PODS health", charset="UTF-8"'), ("WWW-Authenticate", "Bearer"))


@dataclass(frozen=True, slots=True, repr=False)
class Authentication:
    """Lets everyone in without a secret. Has no repr that shows it."""

    secret: bytes = b""

    def check(self, scope: Any) -> None:
        """Pass, or raise.

        Raises:
            ProblemDetails: 401, with the challenge that makes a browser ask.
        """
        if self.secret and scope["path"] not in OPEN_PATHS and not self._matches(scope):
            raise ProblemDetails(
                401, "give what is in secrets/health_password, as bearer token or for user health", _CHALLENGE
            )

    def _matches(self, scope: Any) -> bool:
        header = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        scheme, _, given = header.partition(b" ")
        if scheme.lower() == b"bearer":
            return hmac.compare_digest(given.strip(), self.secret)
        if scheme.lower() == b"basic":
            return hmac.compare_digest(_decoded(given.strip()), USER + b":" + self.secret)
        return False


def _decoded(given: bytes) -> bytes:
    try:
        return base64.b64decode(given, validate=True)
    except binascii.Error:
        return b""
