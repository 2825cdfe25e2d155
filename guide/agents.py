"""What a node's Patroni says of it: GET /primary, over TLS that is checked."""

import ssl
from contextlib import closing
from http.client import HTTPException, HTTPSConnection
from pathlib import Path

from cluster.documents import parse_json
from cluster.guide_config import GuideMember
from guide.sighting import AgentReading

SECONDS = 1.0
_LONGEST = 1 << 16
_LEADING = ("primary", "master")


def agent_context(ca: Path) -> ssl.SSLContext:
    """Only a certificate of the agents' own CA is believed.

    Raises:
        OSError: it cannot be read, or is none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=ca)
    return context


def read_agent(member: GuideMember, context: ssl.SSLContext) -> AgentReading:
    """What the agent of ``member`` answers within a second."""
    if not member.agent:
        return AgentReading.ABSENT
    try:
        with closing(HTTPSConnection(member.name, member.agent, timeout=SECONDS, context=context)) as connection:
            connection.request("GET", "/primary", headers={"Connection": "close"})
            answer = connection.getresponse()
            return agent_reading(answer.status, answer.read(_LONGEST))
    except (OSError, HTTPException):
        return AgentReading.SILENT


def agent_reading(status: int, body: bytes) -> AgentReading:
    """What an answer to GET /primary means: 200 comes before the server takes writes, and its body says more."""
    if status != 200:
        return AgentReading.OTHER
    try:
        document = parse_json(body)
    except ValueError:
        return AgentReading.OTHER
    running = isinstance(document, dict) and document.get("state") == "running" and document.get("role") in _LEADING
    return AgentReading.LEADS if running else AgentReading.OTHER
