"""Which failed login means that a server is there, and what the supervisor remembers over its own restart."""

import fcntl
import io
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.postgres.failures import Failure
from cluster.supervisor_status import SupervisorStatus, write_status
from cluster.topology_file import save
from compose.console import Console
from compose.home.paths import Home
from compose.operations.supervisor.decision import Presence
from compose.operations.supervisor.observer import locked, presence_of
from compose.operations.supervisor.service import BOOT, Supervisor, open_watched, rules_of
from tests.fix_settings import settings_of, topology_of

BOOTED = BOOT.read_text().strip()


@pytest.mark.parametrize("failure", list(Failure))
@pytest.mark.parametrize("speaks", [True, False])
def test_whoever_answers_anything_is_there(failure: Failure, speaks: bool) -> None:
    gone = failure in (Failure.REFUSED, Failure.UNREACHABLE) or (failure is Failure.TIMEOUT and not speaks)
    assert presence_of(failure, lambda: speaks) is (Presence.SILENT if gone else Presence.STARTING)


def test_an_operation_that_holds_the_cluster_is_seen_and_not_disturbed(bare_home: Home) -> None:
    bare_home.lock.parent.mkdir()
    assert not locked(bare_home)
    with bare_home.lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert locked(bare_home)


def _cluster(home: Home, primary: str = "primary") -> None:
    topology = replace(topology_of(settings_of()), primary=primary)
    for directory in (home.data, home.topology_copy.parent):
        directory.mkdir(parents=True)
    save(home.topology, home.topology_copy, topology)


def _remembered(home: Home, directory: Path, status: SupervisorStatus) -> Supervisor:
    write_status(directory, status)
    supervisor = Supervisor(home, Console(io.StringIO()), directory)
    supervisor._remember()
    return supervisor


@pytest.mark.parametrize(
    ("action", "boot", "primary", "known", "failed_over"),
    [
        ("wait", BOOTED, "primary", "primary", 9.0),
        ("wait", "before", "primary", "", 9.0),  # a blackout: who shall be primary is for `up` to say
        ("fail over", BOOTED, "primary", "primary", None),  # killed before it was decided: it was none
        ("fail over", BOOTED, "replica1", "primary", 9.0),
    ],
)
def test_what_it_knew_before_it_was_started_again(
    bare_home: Home, tmp_path: Path, action: str, boot: str, primary: str, known: str, failed_over: float | None
) -> None:
    _cluster(bare_home, primary)
    status = SupervisorStatus(
        updated=10.0, action=action, primary="primary", known="primary", boot=boot, failed_over=9.0
    )
    watch = _remembered(bare_home, tmp_path, status).watch
    assert (watch.known, watch.failed_over) == (known, failed_over)


def test_it_goes_by_the_settings_of_the_last_up_and_by_names_in_the_network(bare_home: Home) -> None:
    _cluster(bare_home)
    (bare_home.path / ".env").write_text("PODS_FAILOVER_AFTER=77\n")
    (bare_home.rendered / "services" / ".env").write_text("PODS_FAILOVER_AFTER=33\n")
    stack = open_watched(bare_home)
    assert rules_of(stack.settings).after == 33
    assert stack.elsewhere["replica1"] == ("replica1", 5432)
    assert stack.elsewhere["pgbouncer"] == ("pgbouncer", 6432)
