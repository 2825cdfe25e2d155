"""Updates of the images on a cluster of its own. Thin ones: what a build would make is a new name for what is there."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cluster import pgbouncer
from cluster.config.env_file import load_settings
from cluster.errors import MachineError
from cluster.postgres.connection import Access, connect
from compose.console import Console
from compose.engine import image_build, package_changes
from compose.engine.daemon import connect as connect_engine
from compose.home import passwords
from compose.operations import update_images
from compose.operations.image_states import report_of, running_images
from compose.operations.pooler_consoles import console_access
from tests.fix_images import images
from tests.fix_ledger import Ledger
from tests.fix_stack import Cluster

_STALE = """FROM {image}
USER 0
RUN sed -i '/^Package: libssl3t64$/,/^$/ s/^Version: .*/&~before/' /var/lib/dpkg/status
"""


_BASE = "pods/base:forky"
_COMING_BACK = ("does not let app in", "nothing listens")
"""What a client reads that tries again before PgBouncer is back."""


def _docker(*arguments: str, stdin: str = "") -> str:
    done = subprocess.run(["docker", *arguments], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_openssl_that_is_older_than_the_archive_s_is_a_security_fix_that_waits(engine: None, tmp_path: Path) -> None:
    settings, client = load_settings(Path("/nowhere")), connect_engine()
    dockerfile = _STALE.format(image=images().postgres)
    stale = _docker("build", "--quiet", "-", stdin=dockerfile)
    try:
        found = package_changes.waiting(client, settings, "pods-test-images", tmp_path, {"postgres": stale})
    finally:
        _docker("rmi", "--force", stale)
    (waits,) = [change for change in found["postgres"] if change.package.startswith("libssl3t64")]
    assert waits.old.endswith("~before")
    assert waits.security


@pytest.fixture
def updatable(lone: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A cluster whose images are made by tagging those it has, and whose archive has something newer."""
    lone.inv.ok("up", timeout=900)
    have, tagged = images(), []

    def bring_base(*arguments: Any) -> None:
        client, base = arguments[0], arguments[3]
        _tag(client, have.postgres, base)

    def ensure(client: Any, settings: Any, source: str, base: str, console: Console, stamp: str = "") -> Any:
        wanted = image_build.expected(settings, source, base, stamp)
        _tag(client, have.postgres, wanted.postgres)
        _tag(client, have.pgbouncer, wanted.pgbouncer)
        return wanted

    def _tag(client: Any, image: str, name: str) -> None:
        client.api.tag(image, *name.split(":"))
        tagged.append(name)

    newer = package_changes.Change(package="libssl3t64", old="1", new="2", origin="here", security=True)
    monkeypatch.setattr(image_build, "bring_base", bring_base)
    monkeypatch.setattr(image_build, "ensure", ensure)
    monkeypatch.setattr(update_images, "waiting", lambda *_: {"postgres": (newer,)})
    try:
        yield lone
    finally:
        lone.inv("down", "--purge", "--yes")
        for name in tagged:
            subprocess.run(["docker", "rmi", name], check=False, capture_output=True)


@contextmanager
def _unchanged(cluster: Cluster) -> Iterator[None]:
    """Neither topology nor containers nor names of the images that these run from."""
    have = images()
    made = set(_docker("image", "inspect", "--format", "{{.Id}}", have.postgres, have.pgbouncer).split())

    def state() -> tuple[str, list[str], list[str]]:
        named = _docker("images", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}", "pods/*").splitlines()
        return (
            cluster.home.topology.read_text(),
            sorted(container.id for container in cluster.stack.containers().values()),
            sorted(line for line in named if line.split()[0] in made),
        )

    before = state()
    yield
    assert state() == before


def test_an_update_is_tried_rolled_out_while_clients_work_finished_after_an_interruption_and_taken_back(
    updatable: Cluster, make_ledger: Callable[[Access], Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster, console = updatable, Console()
    before = running_images(cluster.stack)

    with _unchanged(cluster), monkeypatch.context() as broken:
        broken.setattr("compose.operations.try_images._VERSION_COMMANDS", {"postgres": ("postgres", "--no-such-thing")})
        with pytest.raises(MachineError, match="the image of postgres does not work"):
            update_images.update(cluster.stack, console, force=False)

    with _unchanged_containers(cluster), monkeypatch.context() as killed:
        killed.setattr(update_images, "converge", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            update_images.update(cluster.stack, console, force=False)
    wanted = cluster.stack.topology.build
    assert wanted.stamp
    assert set(update_images.behind(cluster.stack)) == {"primary", "replica1", "pgbouncer", "haproxy"}

    ledger = make_ledger(cluster.access())
    with ledger.running():
        ledger.wait_for(20)
        update_images.update(cluster.stack, console, force=False)
        ledger.wait_for(20)
    assert cluster.stack.topology.primary == "replica1", "it took over, and the old primary follows"
    found = {(row["worker"], row["number"]) for row in cluster.query("SELECT * FROM ledger", "replica1")}
    assert ledger.acknowledged <= found
    # the servers' replacement goes unnoticed; PgBouncer itself goes once: its clients lose a connection, no transaction
    lost = [error for error in ledger.errors if not any(word in error for word in _COMING_BACK)]
    assert len(lost) <= ledger.workers, ledger.errors
    assert not ledger.unknown & found, "what failed was not done"
    assert cluster.stack.topology.build == wanted, "what was begun is finished, nothing is made twice"
    assert update_images.behind(cluster.stack) == []
    assert cluster.inv("status").code == 0
    assert {image.waiting for image in report_of(cluster.home).images} == {0}

    update_images.go_back(cluster.stack, console)
    assert update_images.behind(cluster.stack) == []
    assert running_images(cluster.stack) == before
    assert cluster.stack.topology.images_before == wanted
    with connect(console_access(cluster.stack), console=True) as pooler:
        pgbouncer.pause(pooler)  # as an update that was killed in the middle leaves it
    assert "pool appdb_write is paused" in cluster.inv("status").out
    assert cluster.inv.ok("up").code == 0
    assert cluster.query("SELECT 1 AS one", "pgbouncer", passwords.APP, "appdb_write") == [{"one": 1}]


def _interrupted(*_: Any, **__: Any) -> Any:
    raise KeyboardInterrupt


@contextmanager
def _unchanged_containers(cluster: Cluster) -> Iterator[None]:
    before = {name: container.id for name, container in cluster.stack.containers().items()}
    yield
    assert {name: container.id for name, container in cluster.stack.containers().items()} == before
