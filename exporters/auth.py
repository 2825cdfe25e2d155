"""Authentication of the exporter: its password, for user `pods` of basic auth or as a bearer token."""

from cluster.http.credentials import Credentials
from cluster.http.hosts import Application, Receive, Scope, Send
from cluster.http.pages import USER

OPEN_PATHS = frozenset({"/-/healthy", "/-/ready"})
"""Paths of the container's own health check; they say nothing of the cluster."""
_TEXT = b"give what is in secrets/exporter_password, for user pods or as a bearer token\n"
_HEADERS = [
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"content-length", b"%d" % len(_TEXT)),
    (b"cache-control", b"no-store"),
    (b"www-authenticate", b'Basic realm="PODS exporter", charset="UTF-8"'),
    (b"www-authenticate", b"Bearer"),
]


class PasswordGate:
    """An application that answers only who knows ``secret``; anybody else gets 401."""

    def __init__(self, application: Application, secret: bytes) -> None:
        self._application, self._credentials = application, Credentials(USER, secret)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse."""
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS or self._credentials.match(scope["headers"]):
            return await self._application(scope, receive, send)
        await send({"type": "http.response.start", "status": 401, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else _TEXT})
