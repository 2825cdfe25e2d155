"""An agent over TLS: only one of the hosts' own authority is believed, and by its name."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

from cluster.config.docker_hosts import DockerHosts, Host
from cluster.guide_config import GuideMember
from compose.home.ha_certificates import ensure_ha_certificates, holder_directory
from compose.home.paths import Home
from guide.agents import agent_context, read_agent
from guide.sighting import AgentReading

HOSTS = DockerHosts(hosts=(Host(name="alpha", address="10.0.0.11"),))


class _Leader(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/primary" else 404)
        self.end_headers()
        self.wfile.write(b'{"state": "running", "role": "primary"}')

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def _agent(keys: Path) -> Iterator[GuideMember]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "patroni.crt", keys / "patroni.key")
    with HTTPServer(("127.0.0.1", 0), _Leader) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield GuideMember(name="localhost", agent=server.server_port)
        finally:
            server.shutdown()
            thread.join()


def test_an_agent_is_believed_by_its_own_authority_alone(bare_home: Home, tmp_path: Path) -> None:
    ensure_ha_certificates(bare_home, HOSTS, project="shop")
    keys = holder_directory(bare_home, "alpha")
    other = Home(tmp_path / "other")
    other.path.mkdir(mode=0o700)
    ensure_ha_certificates(other, HOSTS, project="shop")
    with _agent(keys) as member:
        assert read_agent(member, agent_context(keys / "ca.crt")) is AgentReading.LEADS
        stranger = agent_context(holder_directory(other, "alpha") / "ca.crt")
        assert read_agent(member, stranger) is AgentReading.SILENT
        unnamed = GuideMember(name="127.0.0.2", agent=member.agent)
        assert read_agent(unnamed, agent_context(keys / "ca.crt")) is AgentReading.SILENT
    assert read_agent(member, agent_context(keys / "ca.crt")) is AgentReading.SILENT
