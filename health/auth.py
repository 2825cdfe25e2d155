"""Authentication: none, or the secret, as a bearer token or as the password of user `health` of basic auth."""

from starlette.types import Scope

from cluster.http.credentials import Credentials
from health.problem_details import ProblemDetails

USER = "health"
OPEN_PATHS = frozenset({"/livez"})
"""For the engine's own health check; says nothing of the cluster."""
_CHALLENGE = (("WWW-Authenticate", 'Basic realm="PODS health", charset="UTF-8"'), ("WWW-Authenticate", "Bearer"))


class Authentication:
    """Lets everyone in without a secret."""

    def __init__(self, secret: bytes = b"") -> None:
        self._credentials = Credentials(USER, secret) if secret else None

    def check(self, scope: Scope) -> None:
        """Pass, or raise.

        Raises:
            ProblemDetails: 401, with the challenge that makes a browser ask.
        """
        if self._credentials is None or scope["path"] in OPEN_PATHS or self._credentials.match(scope["headers"]):
            return
        text = "give what is in secrets/health_password, as bearer token or for user health"
        raise ProblemDetails(401, text, _CHALLENGE)
