"""Requests to services on hosts that know each other by certificates of the hosts' own CA: Patroni, etcd."""

import base64
import http.client
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.documents import parse_json, printable
from cluster.errors import MachineError
from cluster.http.client import LARGEST


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Identity:
    """By what both ends are known: the CA, and the certificate and key of whoever calls."""

    ca: Path
    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """What a connection is made with.

        Raises:
            MachineError: a file cannot be read, or is no certificate.
        """
        try:
            context = ssl.create_default_context(cafile=str(self.ca))
            context.load_cert_chain(str(self.certificate), str(self.key))
        except (OSError, ssl.SSLError) as error:
            raise MachineError(
                f"the certificates in {self.certificate.parent} cannot be used: {error}", "run: inv up"
            ) from None
        return context


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Peer:
    """One service on one host: its title for people, where it listens, who calls, and a password where it wants one."""

    title: str
    address: str
    port: int
    identity: Identity
    user: str = ""
    password: str = ""
    timeout: float = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, and JSON or text."""

    status: int
    text: bytes

    @property
    def good(self) -> bool:
        """Whether the service did it, or says that it will."""
        return self.status in (http.HTTPStatus.OK, http.HTTPStatus.ACCEPTED)

    @property
    def words(self) -> str:
        """What it says, for people."""
        return printable(self.text[:200].decode(errors="replace").strip())

    def json(self, title: str) -> Any:
        """What it says, read.

        Raises:
            MachineError: it is no JSON.
        """
        try:
            return parse_json(self.text)
        except ValueError as error:
            raise MachineError(f"{title} does not answer in JSON: {error}") from None


def call(peer: Peer, method: str, path: str, body: object = None, *, token: str = "") -> Answer:
    """One request; a refusal is an answer as well.

    Raises:
        MachineError: nobody answers.
    """
    connection = http.client.HTTPSConnection(
        peer.address, peer.port, timeout=peer.timeout, context=peer.identity.context()
    )
    try:
        connection.request(method, path, None if body is None else json.dumps(body), _headers(peer, token))
        answer = connection.getresponse()
        return Answer(answer.status, answer.read(LARGEST))
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise MachineError(f"{peer.title} does not answer: {why}", "inv status says what runs") from None
    finally:
        connection.close()


def _headers(peer: Peer, token: str) -> dict[str, str]:
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = token
    elif peer.password:
        login = base64.b64encode(f"{peer.user}:{peer.password}".encode()).decode()
        headers["Authorization"] = f"Basic {login}"
    return headers
