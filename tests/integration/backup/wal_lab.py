"""A laboratory whose servers come, crash, are cloned and promoted; called by their ports."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster.postgres.connection import Access
from tests.fix_images import image
from tests.fix_postgres import INSIDE, Box, Server, box, primary

_HBA = "local all all trust\nhostssl replication,postgres replicator all scram-sha-256\n"
_CONFIGURATION = {
    "max_wal_size": "256MB",
    "min_wal_size": "32MB",
    "wal_keep_size": "0",
    "summarize_wal": "off",  # or WAL that nobody needs stays until it is summarized
    "fsync": "on",
}
PASSWORD = "replicator-password"


@dataclass(frozen=True)
class Lab:
    """A box; /pg inside holds its servers' data."""

    box: Box

    def server(self, node: int) -> Server:
        """The server on a port."""
        return Server(self.box, f"pg/{node}", node)

    def run(self, *command: str, check: bool = True) -> str:
        """A program in the container, as the server's user."""
        return self.box.run(*command, check=check, env={"HOME": "/tmp"})

    def sh(self, script: str, check: bool = True) -> str:
        """A script in the container."""
        return self.run("sh", "-ec", script, check=check)

    def initdb(self, node: int, *options: str, **parameters: str) -> None:
        """Make and start a primary; the archiver's role may do there what it may in a cluster."""
        primary(self.box, f"pg/{node}", node, options, _HBA, **(_CONFIGURATION | parameters))
        self.sql(node, f"CREATE ROLE replicator LOGIN REPLICATION PASSWORD '{PASSWORD}'")
        self.sql(node, "GRANT EXECUTE ON FUNCTION pg_switch_wal() TO replicator")

    def clone(self, source: int, node: int, *, slot: bool = False) -> None:
        """Make and start a standby; with ``slot`` one of its own, ``standby_<node>``, keeps WAL for it."""
        option = f"-C -S standby_{node}" if slot else ""
        self.sh(
            f"export PGPASSWORD={PASSWORD}; "
            f"{INSIDE}/pg_basebackup -h 127.0.0.1 -p {source} -U replicator -D /pg/{node} -R -c fast {option}; "
            f"sed -i 's/password=[^ ]*/password={PASSWORD}/' /pg/{node}/postgresql.auto.conf"
        )
        self.server(node).configure(port=str(node))
        self.start(node)

    def start(self, node: int) -> None:
        """Start a node and wait for it."""
        self.server(node).start()

    def stop(self, node: int, mode: str = "immediate") -> None:
        """Stop a node; ``immediate`` is a crash."""
        self.server(node).stop(mode)

    def promote(self, node: int) -> None:
        """Make a standby the primary."""
        self.run(f"{INSIDE}/pg_ctl", "-D", f"/pg/{node}", "-w", "promote")

    def sql(self, node: int, statement: str) -> str:
        """What one statement answers, unaligned."""
        return self.run(f"{INSIDE}/psql", "-h", "/tmp", "-p", str(node), "-U", "postgres", "-AtXqc", statement).strip()

    def write(self, node: int, segments: int) -> None:
        """Fill so many segments."""
        for _ in range(segments):
            self.sql(node, "SELECT pg_logical_emit_message(true, 'lab', repeat('x', 100000)); SELECT pg_switch_wal()")

    def access(self, node: int) -> Access:
        """How the archiver logs in."""
        return Access(
            host=self.box.address,
            port=node,
            user="replicator",
            password=PASSWORD,
            ca=self.box.ca,
            application="pods_archive",
        )


@contextmanager
def lab(path: Path) -> Iterator[Lab]:
    """A container with nothing running in it yet."""
    with box(path / "box", image()) as made:
        made.run("ln", "-s", str(made.directory("pg")), "/pg", user="0")
        yield Lab(made)
