"""Authentication: the secret, as a bearer token or as the password of user `health` of basic auth.

Whether health and checks ask for it is a setting. Metrics and statements always do: they hold what people typed.
"""

from starlette.types import Scope

from cluster.http.credentials import Credentials
from health.problem_details import ProblemDetails

USER = "health"
OPEN_PATHS = frozenset({"/livez"})
"""For the engine's own health check; says nothing of the cluster."""
GUARDED = ("/dashboards", "/insight")
"""Beginnings of paths that nobody without the secret reads, whatever PODS_HEALTH_AUTH says."""
_CHALLENGE = (("WWW-Authenticate", 'Basic realm="PODS health", charset="UTF-8"'), ("WWW-Authenticate", "Bearer"))


class Authentication:
    """Lets in who knows the secret; everyone to what is not guarded, unless ``everywhere``."""

    def __init__(self, secret: bytes = b"", *, everywhere: bool = True) -> None:
        self._credentials = Credentials(USER, secret) if secret else None
        self._open = not (secret and everywhere)

    def check(self, scope: Scope) -> None:
        """Pass, or raise.

        Raises:
            ProblemDetails: 401, with the challenge that makes a browser ask.
        """
        path: str = scope["path"]
        if path in OPEN_PATHS or (self._open and not path.startswith(GUARDED)):
            return
        if self._credentials is None or not self._credentials.match(scope["headers"]):
            text = "give what is in secrets/health_password, as bearer token or for user health"
            raise ProblemDetails(401, text, _CHALLENGE)
