"""Real PostgreSQL servers in one container: as many nodes as a test wants, each on a port of its own, with TLS."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cluster.postgres.connection import Access
from compose.home import certificates
from compose.home.paths import Home
from tests.fix_images import image
from tests.fix_ports import one_free_port

BIN = "/usr/lib/postgresql/18/bin"
_CONF = """
listen_addresses = '*'
ssl = on
ssl_cert_file = '/tls/server.crt'
ssl_key_file = '/tls/server.key'
unix_socket_directories = '/tmp'
shared_buffers = 64MB
max_wal_size = 256MB
min_wal_size = 32MB
wal_level = replica
max_wal_senders = 10
max_replication_slots = 10
hot_standby = on
wal_keep_size = 0
io_method = worker
"""
_HBA = "local all all trust\nhostssl replication,postgres replicator all scram-sha-256\n"
PASSWORD = "replicator-password"


@dataclass
class Lab:
    """The container; nodes are named by their port inside it."""

    container: str
    ca: Path
    ports: dict[int, int] = field(default_factory=dict)

    def run(self, *command: str, check: bool = True) -> str:
        """A program in the container, as the server's user."""
        inside = ["docker", "exec", "-u", "999", "-e", "HOME=/tmp", self.container, *command]
        done = subprocess.run(inside, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def sh(self, script: str, check: bool = True) -> str:
        """A script in the container."""
        return self.run("sh", "-ec", script, check=check)

    def initdb(self, node: int, *options: str, conf: str = "") -> None:
        """Make and start a primary."""
        data = f"/pg/{node}"
        chosen = " ".join(("--locale-provider=builtin --locale=C.UTF-8 -E UTF8 -U postgres", *options))
        self.sh(
            f"{BIN}/initdb -D {data} {chosen} >/dev/null; cat >> {data}/postgresql.conf <<'X'\n{_CONF}{conf}\nX\n"
            f"cat > {data}/pg_hba.conf <<'X'\n{_HBA}X\n"
        )
        self.start(node)
        self.sql(node, f"CREATE ROLE replicator LOGIN REPLICATION PASSWORD '{PASSWORD}'")
        self.sql(node, "GRANT EXECUTE ON FUNCTION pg_switch_wal() TO replicator")

    def clone(self, source: int, node: int, *, slot: bool = False) -> None:
        """Make and start a standby; with ``slot`` one of its own, ``standby_<node>``, keeps WAL for it."""
        option = f"-C -S standby_{node}" if slot else ""
        self.sh(
            f"export PGPASSWORD={PASSWORD}; "
            f"{BIN}/pg_basebackup -h 127.0.0.1 -p {source} -U replicator -D /pg/{node} -R -c fast {option}; "
            f"sed -i 's/password=[^ ]*/password={PASSWORD}/' /pg/{node}/postgresql.auto.conf"
        )
        self.start(node)

    def start(self, node: int) -> None:
        """Start a node and wait for it."""
        self.sh(f"{BIN}/pg_ctl -D /pg/{node} -w -o '-p {node}' -l /pg/{node}.log start >/dev/null")

    def stop(self, node: int, mode: str = "immediate") -> None:
        """Stop a node; ``immediate`` is a crash."""
        self.sh(f"{BIN}/pg_ctl -D /pg/{node} -w -m {mode} stop >/dev/null")

    def promote(self, node: int) -> None:
        """Make a standby the primary."""
        self.sh(f"{BIN}/pg_ctl -D /pg/{node} -w promote >/dev/null")

    def sql(self, node: int, statement: str) -> str:
        """What one statement answers, unaligned."""
        return self.run(f"{BIN}/psql", "-h", "/tmp", "-p", str(node), "-U", "postgres", "-AtXqc", statement).strip()

    def write(self, node: int, segments: int) -> None:
        """Fill so many segments."""
        for _ in range(segments):
            self.sql(node, "SELECT pg_logical_emit_message(true, 'lab', repeat('x', 100000)); SELECT pg_switch_wal()")

    def access(self, node: int) -> Access:
        """How the archiver logs in."""
        return Access(
            host="127.0.0.1",
            port=self.ports[node],
            user="replicator",
            password=PASSWORD,
            ca=self.ca,
            application="pods_archive",
        )


@contextmanager
def lab(home: Path, nodes: tuple[int, ...] = (5501, 5502)) -> Iterator[Lab]:
    """A container with nothing running in it yet."""
    certificates.ensure(Home(home), {"lab": ("lab", "localhost", "127.0.0.1")})
    tls = Home(home).tls / "lab"
    name = f"pods-wal-lab-{os.getpid()}-{time.monotonic_ns()}"
    ports = {node: one_free_port() for node in nodes}
    published = [word for node in nodes for word in ("-p", f"127.0.0.1:{ports[node]}:{node}")]
    command = ["docker", "run", "-d", "--rm", "--init", "--name", name, "--user", "0", *published]
    subprocess.run([*command, "--entrypoint", "sleep", image(), "infinity"], check=True, capture_output=True)
    try:
        subprocess.run(["docker", "cp", f"{tls}/.", f"{name}:/tls"], check=True, capture_output=True)
        owned = "chown -R 999:999 /tls && chmod 600 /tls/server.key && install -d -o 999 -g 999 /pg"
        subprocess.run(["docker", "exec", name, "sh", "-ec", f"mkdir -p /tls; {owned}"], check=True)
        yield Lab(container=name, ca=Home(home).ca, ports=ports)
    finally:
        subprocess.run(["docker", "rm", "-f", name], check=False, capture_output=True)
