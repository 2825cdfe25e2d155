"""Requests to Prometheus, Alertmanager and the health service, from host or container: JSON, bounded."""

import base64
import http.client
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.config.settings import Settings
from cluster.documents import parse_json, printable
from cluster.errors import MachineError
from cluster.http.pages import USER, pages
from cluster.services import LISTENING

LARGEST = 16 << 20
"""Bytes of an answer that is read."""
_NAMES = {"prometheus": "Prometheus", "alertmanager": "Alertmanager", "health": "the health service"}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class WebAccess:
    """How to reach one of them. ``ca`` is the certificate its own is checked with, where it speaks TLS."""

    service: str
    host: str
    port: int
    secure: bool
    password: str
    ca: Path
    timeout: float = 5.0
    user: str = USER

    @property
    def title(self) -> str:
        """What people call it."""
        return _NAMES[self.service]


def host_access(settings: Settings, service: str, password: str, ca: Path, user: str = USER) -> WebAccess:
    """By its page on this host."""
    page = pages(settings)[service]
    return WebAccess(
        service=service, host=page.address, port=page.port, secure=page.secure, password=password, ca=ca, user=user
    )


def network_access(settings: Settings, service: str, password: str, ca: Path) -> WebAccess:
    """By its name in the network of those who watch."""
    secure = pages(settings)[service].secure
    return WebAccess(
        service=service, host=service, port=LISTENING[service], secure=secure, password=password, ca=ca, timeout=3.0
    )


def request_json(access: WebAccess, path: str, *, method: str = "GET", body: object = None) -> Any:
    """The answer to one request; None where it has no body.

    Raises:
        MachineError: there is none, or it is a refusal; says which.
    """
    text = request_bytes(access, path, method=method, body=body)
    try:
        return parse_json(text) if text else None
    except ValueError as error:
        raise MachineError(f"{access.title}'s answer to {path} is no JSON: {error}") from None


def request_bytes(access: WebAccess, path: str, *, method: str = "GET", body: object = None) -> bytes:
    """The same, as it came; empty where it is larger than anybody reads.

    Raises:
        MachineError: there is none, or it is a refusal; says which.
    """
    connection = open_connection(access)
    try:
        connection.request(
            method,
            path,
            None if body is None else json.dumps(body),
            {**credentials(access), "Content-Type": "application/json"},
        )
        answer = connection.getresponse()
        text = answer.read(LARGEST + 1)
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise MachineError(f"{access.title} does not answer: {why}", "inv status says what runs; inv up") from None
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise _refusal(access, answer.status, text)
    return text if len(text) <= LARGEST else b""


def open_connection(access: WebAccess) -> http.client.HTTPConnection:
    """A connection that is made at its first request.

    Raises:
        MachineError: the certificate to check with cannot be read.
    """
    if not access.secure:
        return http.client.HTTPConnection(access.host, access.port, timeout=access.timeout)
    try:
        context = ssl.create_default_context(cafile=str(access.ca))
    except OSError as error:
        raise MachineError(f"the certificate {access.ca} cannot be read: {error.strerror}", "run: inv up") from None
    return http.client.HTTPSConnection(access.host, access.port, timeout=access.timeout, context=context)


def credentials(access: WebAccess) -> dict[str, str]:
    """The header that proves who asks."""
    text = base64.b64encode(f"{access.user}:{access.password}".encode()).decode()
    return {"Authorization": f"Basic {text}"}


def _refusal(access: WebAccess, status: int, text: bytes) -> MachineError:
    if status == http.HTTPStatus.UNAUTHORIZED:
        return MachineError(f"{access.title} refuses the password in secrets/{access.service}_password", "run: inv up")
    words = printable(text[:200].decode(errors="replace").strip())
    return MachineError(f"{access.title} answers with {status}: {words}")
