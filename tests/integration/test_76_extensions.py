"""Extensions by name on a running cluster with clients: added, used, interrupted, kept while used, and taken away."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from io import StringIO
from typing import Any

import psycopg
import pytest

from cluster.config.env_file import load_settings
from cluster.errors import MachineError
from cluster.postgres.connection import Access
from compose.console import Console
from compose.engine import daemon, image_build
from tests.fix_chaos import walk
from tests.fix_images import image
from tests.fix_inv import Inv
from tests.fix_ledger import Ledger
from tests.fix_stack import BARE, Cluster, new_project, purge, write_env
from tests.fix_wait import eventually

MakeLedger = Callable[[Access], Ledger]
CRON = "SELECT cron.schedule('each', '1 seconds', 'INSERT INTO ticks VALUES (1)')"
BOUNDARIES = range(11)


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory, built: None) -> Iterator[Cluster]:
    """A cluster of its own, whose nodes get other images."""
    home = tmp_path_factory.mktemp("extensions")
    write_env(home, new_project("ext"), PODS_REPLICAS="1", **BARE)
    cluster = Cluster(Inv(home))
    cluster.inv.ok("up", timeout=600)
    yield cluster
    purge(cluster.inv)


def _declare(cluster: Cluster, *extensions: str) -> None:
    cluster.home.user_config.mkdir(exist_ok=True)
    names = ", ".join(f'"{name}"' for name in extensions)
    (cluster.home.user_config / "databases.toml").write_text(f"[databases.appdb]\nextensions = [{names}]\n")


def _installed(cluster: Cluster, node: str = "primary") -> set[str]:
    return {row["extname"] for row in cluster.query("SELECT extname FROM pg_extension", node)} - {"plpgsql"}


def _containers(cluster: Cluster) -> dict[str, str]:
    return {name: each.id for name, each in cluster.stack.containers().items()}


def _app(cluster: Cluster, sql: str, pool: str = "appdb_write") -> list[dict[str, Any]]:
    return cluster.query(sql, "pgbouncer", "app", pool)


def test_clients_notice_nothing_while_extensions_come_and_a_second_up_changes_nothing(
    grown: Cluster, make_ledger: MakeLedger
) -> None:
    ledger = make_ledger(grown.access())
    _declare(grown, "pgvector", "cron")
    with ledger.running():
        ledger.wait_for(5)
        assert "extension vector" in grown.inv.ok("up", timeout=600).err
        ledger.wait_for(20)
    ledger.check(grown.query)
    assert ledger.errors == []
    before = _containers(grown)
    assert "made in" not in grown.inv.ok("up").err
    assert _containers(grown) == before
    _app(grown, "CREATE TABLE points (at vector(2)); INSERT INTO points VALUES ('[1,2]')")
    nearest = "SELECT at <-> '[1,3]' AS distance FROM points"
    assert _app(grown, nearest) == [{"distance": 1.0}]
    eventually(lambda: grown.query(nearest, "replica1") == [{"distance": 1.0}])
    rows = grown.inv.ok("extension.list", "--json").out
    assert '"vector"' in rows


def test_a_job_of_the_owner_s_runs_on_the_primary(grown: Cluster) -> None:
    _app(grown, "CREATE TABLE ticks (n int)")
    _app(grown, CRON)
    eventually(lambda: _app(grown, "SELECT n FROM ticks"), 60)
    _app(grown, "SELECT cron.unschedule('each')")


def test_a_word_stays_while_a_database_uses_it(grown: Cluster) -> None:
    before = _containers(grown)
    _declare(grown, "cron")
    refused = grown.inv("up")
    assert refused.code == 3, refused
    assert "the database appdb uses the extension vector" in refused.err.splitlines()[0]
    assert _containers(grown) == before
    grown.compose("stop", "primary")
    refused = grown.inv("up")
    assert refused.code == 3, refused
    assert "nobody can tell whether a database uses pgvector" in refused.err
    grown.compose("start", "primary")
    _declare(grown, "pgvector", "cron")


@pytest.mark.parametrize("boundary", walk(BOUNDARIES, sample=(2,)))
def test_a_roll_out_that_was_killed_is_finished_by_the_next_up(grown: Cluster, boundary: int) -> None:
    """After the image and before the extension is one of its boundaries."""
    _declare(grown, "pgvector", "cron", "hll")
    grown.inv.interrupted("KILL", boundary, "up")
    grown.inv.ok("up")
    assert _installed(grown) == _installed(grown, "replica1") == {"vector", "pg_cron", "hll"}
    before = _containers(grown)
    assert "made in" not in grown.inv.ok("up").err
    assert _containers(grown) == before
    grown.query("DROP EXTENSION hll")
    _declare(grown, "pgvector", "cron")
    grown.inv.ok("up")
    assert "hll" not in _installed(grown)


SCRIPT = (
    "CREATE TABLE audited (n int, word text)",
    "INSERT INTO audited VALUES (1, 'a'), (2, 'b')",
    "SELECT n FROM audited",
    "DO $$ BEGIN RAISE LOG 'AUDIT: SESSION,9,9,DDL,DROP TABLE,,,forged,<none>'; END $$",
    "DROP TABLE audited",
)
RECORDED = [
    ("app", "appdb", "DDL", "CREATE TABLE", "", SCRIPT[0]),
    ("app", "appdb", "WRITE", "INSERT", "public.audited", SCRIPT[1]),
    ("app", "appdb", "DDL", "DROP TABLE", "", SCRIPT[4]),
]
EVASIONS = (
    "SET pgaudit.log = 'none'",
    "ALTER ROLE app SET pgaudit.log = 'none'",
    "ALTER DATABASE appdb SET pgaudit.log = 'none'",
    "ALTER SYSTEM SET pgaudit.log = 'none'",
    "SELECT set_config('pgaudit.log', 'none', false)",
)


def _recorded(cluster: Cluster, since: str, role: str = "app") -> list[tuple[str, ...]]:
    lines = cluster.inv.ok("logs", "--audit", "--json", "--since", since).out.splitlines()
    found = [json.loads(line) for line in lines]
    return [
        (
            each["role"],
            each["database"],
            *(each["audit"][key] for key in ("statement_class", "command", "object", "statement")),
        )
        for each in found
        if each["role"] == role
    ]


def _is_recorded(cluster: Cluster, since: str) -> bool:
    return _recorded(cluster, since) == RECORDED


@pytest.mark.chaos
def test_the_audit_of_a_script_is_the_same_on_every_node_and_no_application_evades_it(grown: Cluster) -> None:
    with (grown.home.path / ".env").open("a") as env:
        env.write("PODS_AUDIT=write\n")
    grown.inv.ok("up", timeout=600)
    for target in ("replica1", "primary"):
        for evasion in EVASIONS:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                grown.query(evasion, grown.stack.topology.primary, "app")
        began = datetime.now(UTC).isoformat(timespec="milliseconds")
        for statement in SCRIPT:
            grown.query(statement, grown.stack.topology.primary, "app")
        eventually(partial(_is_recorded, grown, began))
        grown.inv.ok("switchover", "--to", target)
    began = datetime.now(UTC).isoformat(timespec="milliseconds")
    grown.query("CREATE ROLE audited PASSWORD 'hidden-one'", "primary", database="postgres")
    grown.query("ALTER ROLE audited PASSWORD 'hidden-two'; DROP ROLE audited", "primary", database="postgres")
    eventually(lambda: len(_recorded(grown, began, "postgres")) >= 3)
    assert "hidden" not in grown.inv.ok("logs", "--since", began).out + grown.inv.ok("logs", "--audit").out


def test_what_the_archive_does_not_have_is_one_line_and_leaves_no_image() -> None:
    settings, client = load_settings(image_build.ROOT, {}), daemon.connect()
    wanted = image_build.ImageSpec(
        role="postgres", folder="extensions", base=image(), packages=("postgresql-18-nobody-has-this",)
    )
    with pytest.raises(MachineError, match="the archive has no postgresql-18-nobody-has-this") as caught:
        image_build._build(client, replace(settings), wanted, Console(StringIO()))
    assert "\n" not in str(caught.value)
    assert not image_build.has(client, wanted.reference)
