"""The cluster that is backed up: so many GB, half of them bytes that do not compress, and pages that change."""

import atexit
import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache

from compose.home import certificates
from compose.home.paths import Home
from tests.bench.backups.box import BENCH, Box, box
from tests.bench.backups.inside import PASSWORD

GB = float(os.environ.get("BENCH_GB", "4"))
DATA = f"{BENCH}/data"
CONFIGURATION_FILE = "/etc/pgbackrest/pgbackrest.conf"
BIN = "/usr/lib/postgresql/18/bin"
LEVEL, WORKERS, WAL_LEVEL, UPLOADS = 3, 2, 1, 4
"""Ours as shipped: zstd level and threads of a backup, level and threads of the archive. The peer gets the same."""
_SCALE_GB = 0.0149
"""Of pgbench's tables for each unit of its scale."""
_ROWS_PER_GB = 1_587_000
"""Of noise: 512 bytes of SHA-512 and what PostgreSQL adds, 13 rows a page and room for a new version of one."""
_NOISE = 0.6
"""Of all data, so that half of all bytes do not compress."""
_CONFIGURATION = f"""
listen_addresses = '127.0.0.1'
unix_socket_directories = '/tmp'
ssl = on
ssl_cert_file = '{BENCH}/tls/server.crt'
ssl_key_file = '{BENCH}/tls/server.key'
shared_buffers = 512MB
max_wal_size = 8GB
checkpoint_timeout = 30min
max_wal_senders = 10
summarize_wal = on
io_method = worker
archive_mode = on
archive_command = '/bin/true'
max_slot_wal_keep_size = -1
wal_keep_size = 64GB
"""
_PGBACKREST = f"""
[global]
log-level-file=off
log-level-console=warn
log-path={BENCH}/theirs/log
lock-path={BENCH}/theirs/lock
spool-path={BENCH}/theirs/spool
compress-type=zst
compress-level={LEVEL}
process-max={WORKERS}
start-fast=y
archive-check=n
expire-auto=n
repo1-path={BENCH}/theirs/repo
[bench]
pg1-path={DATA}
pg1-socket-path=/tmp
pg1-user=postgres
[global:archive-push]
compress-level={WAL_LEVEL}
process-max={UPLOADS}
[global:archive-get]
archive-async=y
"""


@dataclass(slots=True)
class World:
    """The running cluster; ``changes`` counts the times that pages were changed."""

    box: Box
    changes: int = field(default=0)

    def sql(self, statement: str) -> str:
        """What one statement answers, unaligned."""
        psql = [f"{BIN}/psql", "-h", "/tmp", "-U", "postgres", "-AtXqc", statement]
        return self.box.run(*psql).strip()

    def set(self, parameter: str, value: str) -> None:
        """Change a parameter that needs no restart."""
        self.sql(f"ALTER SYSTEM SET {parameter} = '{value}'")
        self.sql("SELECT pg_reload_conf()")

    def pgbench(self, seconds: int, clients: int = 8, options: str = "") -> float:
        """Transactions per second of pgbench's own mix."""
        run = f"{BIN}/pgbench -n -h /tmp -U postgres -c {clients} -j 2 -T {seconds} postgres"
        told = self.box.sh(f"PGOPTIONS='{options}' {run} 2>&1")
        return float(re.findall(r"tps = ([\d.]+)", told)[0])

    def size(self) -> float:
        """GB of the data directory without its WAL, as the base backups see it."""
        return float(self.box.sh(f"du -sb --exclude=pg_wal {DATA}").split()[0]) / 1e9

    def change_pages(self, every: int = 20) -> None:
        """Change one row in each ``every``th page of every large table, on its page; another page and row each time."""
        first, line, self.changes = self.changes % every, 1 + self.changes // every, self.changes + 1
        for table, column in (("noise", "n"), ("pgbench_accounts", "abalance")):
            pages = f"generate_series({first}, pg_relation_size('{table}') / 8192 - 1, {every}) page"
            rows = f"SELECT format('(%s,{line})', page)::tid FROM {pages}"
            self.sql(f"UPDATE {table} SET {column} = {column} + 1 WHERE ctid = ANY (ARRAY({rows}))")
        self.sql("CHECKPOINT")


@cache
def world() -> World:
    """The one of this run, made when it is first asked for and removed at the end."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(make(GB))


@contextmanager
def make(gb: float) -> Iterator[World]:
    """A cluster of that size in a container of its own."""
    with box() as place:
        made = World(place)
        began = time.perf_counter()
        _create(made)
        _load(made, gb)
        told = f"data: {made.size():.2f} GB, made in {time.perf_counter() - began:.0f} s"
        print(f"{told}; load {os.getloadavg()[0]:.1f}", flush=True)
        yield made


def _create(made: World) -> None:
    home = Home(made.box.path / "home")
    home.path.mkdir()
    certificates.ensure(home, {"server": ("server", "localhost", "127.0.0.1")})
    made.box.sh(
        f"mkdir -p {BENCH}/tls {BENCH}/ours/store {BENCH}/theirs && cp {BENCH}/home/secrets/tls/server/* {BENCH}/tls/ "
        f"&& mkdir -p /etc/pgbackrest && chmod 600 {BENCH}/tls/server.key && chown -R 999:999 {BENCH} /etc/pgbackrest",
        user="0",
    )
    made.box.sh(
        f"echo {PASSWORD} > /tmp/pw; {BIN}/initdb -D {DATA} -U postgres --pwfile=/tmp/pw --auth-local=trust "
        "--auth-host=scram-sha-256 --locale-provider=builtin --locale=C.UTF-8 -E UTF8 > /dev/null; "
        f"cat >> {DATA}/postgresql.conf <<'X'\n{_CONFIGURATION}\nX\n"
        f"cat > {CONFIGURATION_FILE} <<'X'\n{_PGBACKREST}\nX\n"
    )
    start(made.box)


def start(box: Box, data: str = DATA, timeout: int = 600) -> None:
    """Start a server and wait until it answers."""
    log = f"{data}.log"
    box.sh(f"{BIN}/pg_ctl -D {data} -w -t {timeout} -l {log} start > /dev/null || {{ tail -20 {log}; exit 1; }}")


def stop(box: Box, data: str = DATA, mode: str = "fast") -> None:
    """Stop a server."""
    box.sh(f"{BIN}/pg_ctl -D {data} -w -m {mode} stop > /dev/null")


def _load(made: World, gb: float) -> None:
    made.set("fsync", "off")
    scale = max(1, round(gb * (1 - _NOISE) / _SCALE_GB))
    made.box.sh(f"{BIN}/pgbench -h /tmp -U postgres -i -q -s {scale} -F 90 postgres > /dev/null 2>&1")
    rows = int(gb * _NOISE * _ROWS_PER_GB)
    made.sql("CREATE TABLE noise (id int, n int, b bytea) WITH (fillfactor = 93)")
    made.sql("ALTER TABLE noise ALTER b SET STORAGE PLAIN")
    made.sql(
        "INSERT INTO noise SELECT i, 0, (SELECT string_agg(sha512((i * 8::bigint + j)::text::bytea), '') "
        f"FROM generate_series(1, 8) j) FROM generate_series(1, {rows}) i"
    )
    made.sql("VACUUM (FREEZE, ANALYZE)")
    made.sql("CHECKPOINT")
    made.set("fsync", "on")
    made.sql("CHECKPOINT")
