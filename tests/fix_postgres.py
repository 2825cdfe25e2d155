"""PostgreSQL's laboratory: one container, any number of real servers in it, over verified TLS.

The container sees the working directory under its own path, so that what runs on the host and what runs inside can
hand each other files; `bin` holds programs that run PostgreSQL's own inside, as its user.
"""

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cluster.postgres.connection import Access, connect
from compose.home import certificates
from compose.home.paths import Home
from tests.fix_lanes import run_label

PASSWORD = "for-tests-only"
INSIDE = "/usr/lib/postgresql/18/bin"
PROGRAMS = (
    "pg_combinebackup",
    "pg_verifybackup",
    "pg_controldata",
    "pg_ctl",
    "postgres",
    "pg_basebackup",
    "pg_amcheck",
)
CONFIGURATION = {
    "listen_addresses": "'*'",
    "ssl": "on",
    "wal_level": "replica",
    "summarize_wal": "on",
    "max_wal_senders": "10",
    "shared_buffers": "64MB",
    "io_method": "worker",
    "fsync": "off",
    "wal_summary_keep_time": "0",
    "log_line_prefix": "'%m [%p] '",
    "wal_retrieve_retry_interval": "200ms",
}


_HBA = "hostssl all,replication all all scram-sha-256\nlocal all all trust\n"


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container that does nothing but what it is told."""

    name: str

    def run(self, *argv: str, check: bool = True, user: str = "999", env: Mapping[str, str] | None = None) -> str:
        """Run a program inside; its output."""
        given = [part for name, text in (env or {}).items() for part in ("-e", f"{name}={text}")]
        command = ["docker", "exec", "-u", user, *given, self.name, *argv]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"{argv}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    def sh(self, script: str, *, check: bool = True, user: str = "999") -> str:
        """Run a script inside; its output."""
        return self.run("sh", "-ec", script, check=check, user=user)


@contextmanager
def idle(kind: str, image: str, *options: str) -> Iterator[str]:
    """The name of a container of ``image`` that waits for orders; removed with all in it at the end."""
    name = f"pods-{kind}-{uuid.uuid4().hex[:8]}"
    run = ["docker", "run", "--detach", "--init", "--name", name, "--user", "0", *run_label(), *options]
    subprocess.run([*run, "--entrypoint", "sleep", image, "infinity"], check=True, capture_output=True)
    try:
        yield name
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", name], check=True, capture_output=True)


@dataclass(frozen=True, kw_only=True)
class Box(Container):
    """A container with PostgreSQL's binaries and a directory that both sides see."""

    path: Path
    address: str

    @property
    def bin(self) -> Path:
        """PostgreSQL's programs, as the host may start them."""
        return self.path / "bin"

    @property
    def ca(self) -> Path:
        """Who vouches for the servers."""
        return self.path / "home/secrets/tls/ca.crt"

    def directory(self, name: str) -> Path:
        """A new directory of the server's user."""
        path = self.path / name
        path.mkdir(mode=0o700)
        os.chown(path, 999, 999)
        return path


@dataclass
class Server:
    """One cluster in the box."""

    box: Box
    name: str
    port: int

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.box.path / self.name

    @property
    def access(self) -> Access:
        """As superuser, which may replicate."""
        return Access(
            host=self.box.address,
            port=self.port,
            user="postgres",
            password=PASSWORD,
            ca=self.box.ca,
            statement_timeout=120,
        )

    def sql(self, *statements: str) -> list[dict[str, Any]]:
        """Run statements; the rows of the last."""
        with connect(replace(self.access, pinned=False)) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def value(self, statement: str) -> Any:
        """The one value of a query."""
        return next(iter(self.sql(statement)[0].values()))

    def configure(self, **parameters: str) -> None:
        """Append to postgresql.conf."""
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in parameters.items())

    def start(self) -> None:
        """Start and wait."""
        start = f"{INSIDE}/pg_ctl -D {self.data} -l {self.data}.log -w -t 60 start"
        self.box.run("sh", "-c", f"{start} || {{ tail -20 {self.data}.log; exit 1; }}")

    def stop(self, mode: str = "fast") -> None:
        """Stop and wait."""
        self.box.run(f"{INSIDE}/pg_ctl", "-D", str(self.data), "-m", mode, "-w", "stop")


@contextmanager
def box(path: Path, image: str) -> Iterator[Box]:
    """The container; removed with all in it at the end."""
    path.mkdir(exist_ok=True)
    os.chown(path, 999, 999)
    try:
        with idle("box", image, "--shm-size", "256m", "--volume", f"{path}:{path}") as name:
            shown = subprocess.run(
                ["docker", "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name],
                check=True,
                capture_output=True,
                text=True,
            )
            made = Box(name=name, path=path, address=shown.stdout.strip())
            _equip(made)
            yield made
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _equip(box: Box) -> None:
    home = Home(box.path / "home")
    home.path.mkdir()
    certificates.ensure(home, {"server": ("server", "localhost", "127.0.0.1", box.address)})
    keys = box.directory("tls")
    for file in ("server.crt", "server.key"):
        shutil.copy(home.tls / "server" / file, keys / file)
        os.chown(keys / file, 999, 999)
        (keys / file).chmod(0o600)
    box.bin.mkdir()
    for program in PROGRAMS:
        # what the host's root wrote becomes the server's first, as it would be had PostgreSQL's user written it
        find = f"find {box.path} -user 0 '(' -path '*/restored*' -o -path '*/drill-*' ')'"
        script = (
            f"#!/bin/sh\ndocker exec -u 0 {box.name} {find} -exec chown -h 999:999 {{}} +\n"
            f'exec docker exec -u 999 -e LC_ALL=C -e PGOPTIONS {box.name} {INSIDE}/{program} "$@"\n'
        )
        (box.bin / program).write_text(script)
        (box.bin / program).chmod(0o755)


def primary(box: Box, name: str, port: int, initdb: tuple[str, ...] = (), hba: str = _HBA, **parameters: str) -> Server:
    """A new cluster, started."""
    server = Server(box, name, port)
    box.run(
        *("sh", "-c"),
        f"echo {PASSWORD} > /tmp/pw && {INSIDE}/initdb -D {server.data} -U postgres --pwfile=/tmp/pw --no-sync "
        f"--auth=scram-sha-256 --locale-provider=builtin --locale=C.UTF-8 --builtin-locale=C.UTF-8 {' '.join(initdb)}",
    )
    (server.data / "pg_hba.conf").write_text(hba)
    server.configure(**{**configuration(box, port), **parameters})
    server.start()
    return server


def configuration(box: Box, port: int) -> Mapping[str, str]:
    """What every server of the box is given."""
    keys = box.path / "tls"
    return {
        **CONFIGURATION,
        "port": str(port),
        "unix_socket_directories": "'/tmp'",
        "ssl_cert_file": f"'{keys}/server.crt'",
        "ssl_key_file": f"'{keys}/server.key'",
    }


def standby(source: Server, name: str, port: int) -> Server:
    """A streaming replica of ``source``, started."""
    server = Server(source.box, name, port)
    dsn = f"host={source.box.address} port={source.port} user=postgres password={PASSWORD} sslmode=require"
    source.box.run(f"{INSIDE}/pg_basebackup", "-D", str(server.data), "-X", "stream", "-c", "fast", "-R", "-d", dsn)
    server.configure(port=str(port))
    server.start()
    return server
