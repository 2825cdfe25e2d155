"""The WAL archive against real servers: followed over kills, crashes and promotions, compared with what they wrote."""

import hashlib
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from backup.layout import parse_segment, parse_wal_key, segment_name, segment_start, wal_prefix
from backup.recovery_windows import Missing
from backup.service.context import ServiceContext, retention_policy
from backup.service.flush_wal import archive_now
from backup.service.inventory import missing_wal, read_holdings
from backup.store.local import LocalStore
from backup.timelines import lineage_of
from backup.wal.archiver import Archiver
from backup.wal.gaps import full_wanted, read_gaps
from backup.wal.partial_segments import find_pieces
from backup.wal.read import read_history, read_segment
from backup.wal.slots import hold_on_standby, read_slot
from cluster.backup_status import read_status
from cluster.config.mounted import ClusterConfig
from cluster.errors import RefusedError
from cluster.naming import ARCHIVE_SLOT
from cluster.postgres.connection import Access
from cluster.postgres.failures import LostError, ServerError
from cluster.postgres.lsn import Lsn
from cluster.postgres.replication import replicate
from cluster.topology import Topology
from tests.fix_postgres import INSIDE
from tests.fix_settings import SIZING, settings_of
from tests.fix_wait import eventually
from tests.integration.backup.wal_lab import Lab, lab
from tests.integration.backup.wal_process import archiver
from tests.unit.backup.samples import a_backup
from tests.unit.backup.wal.wal_made import Moody

A, B, C = 5501, 5502, 5503
SEGMENT = 16 << 20
PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, engine: None) -> Iterator[Lab]:
    """A container; each test makes its own clusters in it."""
    with lab(tmp_path_factory.mktemp("lab")) as made:
        yield made


@pytest.fixture
def fresh(servers: Lab) -> Iterator[Lab]:
    """A new primary A that keeps all of its WAL, to compare with."""
    servers.initdb(A, wal_keep_size="2GB")
    yield servers
    servers.sh(
        f"for n in {A} {B} {C}; do {INSIDE}/pg_ctl -D /pg/$n -m immediate stop || true; done >/dev/null 2>&1; "
        "rm -rf /pg/*"
    )


class Site:
    """A folder with spool and store, and an archiver that runs in it now and then."""

    def __init__(self, root: Path, servers: Lab) -> None:
        self.root, self.servers = root, servers
        (root / "store").mkdir()
        nodes = {
            name: {**asdict(servers.access(node)), "ca": str(servers.box.ca)}
            for name, node in (("a", A), ("b", B), ("c", C))
        }
        (root / "access.json").write_text(json.dumps(nodes))
        self.lead("a")

    @property
    def store(self) -> LocalStore:
        return LocalStore(self.root / "store")

    @property
    def system(self) -> str:
        return next(path.name for path in (self.root / "spool").iterdir())

    @property
    def spool(self) -> Path:
        return self.root / "spool" / self.system

    def missing(self) -> tuple[Missing, ...]:
        """Segments that are missing, as `backup.windows` tells them: from the first that there is."""
        holdings = read_holdings(self.store, self.system)
        stored = (parse_wal_key(stored.key) for stored in self.store.list(wal_prefix(self.system, 1)))
        first = min(parse_segment(key.segment, SEGMENT).start for key in stored if key is not None and key.segment)
        since = a_backup(wal_segment_size=SEGMENT, start_lsn=str(first), stop_lsn=str(first))
        return missing_wal(
            self.store, self.system, replace(holdings, backups=(since,)), retention_policy(settings_of())
        )

    def segments(self, timeline: int) -> list[str]:
        """Whole segments of a timeline in the store."""
        found = (parse_wal_key(stored.key) for stored in self.store.list(wal_prefix(self.system, timeline)))
        return [key.segment for key in found if key is not None and key.is_whole and key.segment]

    def end(self, timeline: int) -> int:
        """Up to where there is WAL of a timeline."""
        return read_holdings(self.store, self.system).archive.newest(timeline) or 0

    def lead(self, name: str) -> None:
        (self.root / "primary").write_text(name)

    @contextmanager
    def running(self, **options: Any) -> Iterator[Archiver]:
        """An archiver in this process, from here to there."""
        made, stop = archiver(self.root, **options), threading.Event()
        thread = threading.Thread(target=made.run, args=(stop,))
        thread.start()
        try:
            yield made
        finally:
            stop.set()
            thread.join(60)
            assert not thread.is_alive()

    def process(self) -> "subprocess.Popen[bytes]":
        """An archiver to be killed."""
        command = [sys.executable, "-m", "tests.integration.backup.wal_process", str(self.root)]
        return subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.DEVNULL)

    def catch_up(self, node: int) -> Lsn:
        """Run until everything that ``node`` has flushed now is in the store."""
        with self.running() as archive:
            return self.wait_archived(archive, node)

    def wait_archived(self, archive: Archiver, node: int) -> Lsn:
        target = Lsn.parse(self.servers.sql(node, "SELECT pg_current_wal_flush_lsn()"))
        eventually(lambda: (archive.shippers[0].archived() or 0) >= target, 90, f"WAL to {target}; {archive.state()}")
        return target

    def compare(self, node: int, timeline: int) -> int:
        """Every whole segment of a timeline in the store is what the server wrote; how many there are."""
        keys = [parse_wal_key(each.key) for each in self.store.list(wal_prefix(self.system, timeline))]
        names = [key.segment for key in keys if key and key.is_whole and key.segment]
        command = f"cd /pg/{node}/pg_wal && sha256sum {' '.join(names)}"
        theirs = {line.split()[1]: line.split()[0] for line in self.servers.sh(command).splitlines()}
        for name in names:
            data = read_segment(self.store, self.system, name)
            assert data is not None
            assert hashlib.sha256(data).hexdigest() == theirs[name], name
        return len(names)


@pytest.fixture
def site(tmp_path: Path, fresh: Lab) -> Site:
    """A site whose primary is A."""
    return Site(tmp_path, fresh)


def _start(node: int, servers: Lab) -> Lsn:
    """Where the archive's slot holds WAL now."""
    with replicate(servers.access(node)) as server:
        exists, restart = read_slot(server, ARCHIVE_SLOT)
    assert exists
    assert restart is not None
    return restart


def test_segments_and_the_tail_arrive_as_the_server_wrote_them(site: Site) -> None:
    with site.running() as archive:
        eventually(lambda: archive.pipeline.status().streaming)
        site.servers.write(A, 4)
        site.servers.sql(A, "SELECT pg_logical_emit_message(true, 'tail', 'the last commit')")
        reached = site.wait_archived(archive, A)
        pieces = segment_name(1, reached, SEGMENT)
        tail = read_segment(site.store, site.system, pieces)
        assert tail is not None
        assert b"the last commit" in tail, "the unfinished segment is in the store up to the last commit"
        site.servers.write(A, 1)
        eventually(lambda: not find_pieces(site.store, site.system, pieces), what="the end of pieces superseded")
        site.wait_archived(archive, A)
        assert segment_start(_start(A, site.servers), SEGMENT) >= segment_start(reached, SEGMENT), "the slot moves on"
    assert site.compare(A, 1) >= 5
    assert site.missing() == ()
    assert len([name for name in (site.spool).iterdir() if len(name.name) == 24]) == 0


def test_a_clean_stop_of_the_primary_leaves_nothing_unsent(site: Site) -> None:
    """The server waits, when it shuts down, until the archiver says that all is durable; so it must say so at once."""
    with site.running() as archive:
        eventually(lambda: archive.pipeline.status().streaming)
        site.servers.write(A, 1)
        began = time.monotonic()
        site.servers.stop(A, "fast")
        assert time.monotonic() - began < 10
        control = site.servers.sh(f"{INSIDE}/pg_controldata -D /pg/{A}")
        checkpoint = next(line.split()[-1] for line in control.splitlines() if "Latest checkpoint location" in line)
        eventually(
            lambda: (archive.shippers[0].archived() or 0) > Lsn.parse(checkpoint), what=f"the checkpoint {checkpoint}"
        )


def test_killed_again_and_again_it_leaves_no_hole_and_no_wrong_object(site: Site) -> None:
    site.catch_up(A)
    chance = random.Random(18)
    for _ in range(6):
        process = site.process()
        writer = threading.Thread(target=site.servers.write, args=(A, 3))
        writer.start()
        time.sleep(0.8 + chance.random() * 2)
        process.kill()
        process.wait()
        writer.join()
    site.catch_up(A)
    assert site.compare(A, 1) >= 18
    assert site.missing() == ()
    assert site.store.sweep(0) >= 0
    assert not [path for path in site.spool.iterdir() if len(path.name) == 24], "nothing is left behind in the spool"


def test_a_lost_spool_is_filled_again_from_where_the_store_ends(site: Site) -> None:
    site.servers.write(A, 2)
    site.catch_up(A)
    for path in site.spool.iterdir():
        if path.is_file():
            path.unlink()
    site.servers.write(A, 3)
    site.catch_up(A)
    assert site.compare(A, 1) >= 5
    assert site.missing() == ()
    assert read_gaps(site.store, site.system) == ()


def test_a_store_that_is_down_fills_the_spool_to_its_limit_and_then_the_slot_holds_the_rest(site: Site) -> None:
    limit = 3 * SEGMENT
    moody, other = Moody(site.store), LocalStore(site.root / "other", "other")
    other.root.mkdir()
    moody.down = True
    with site.running(stores=[moody, other], spool_limit=limit) as archive:
        eventually(lambda: archive.pipeline.status().streaming)
        site.servers.write(A, 8)
        eventually(lambda: archive.state().spool_bytes >= limit)
        time.sleep(1.5)
        state = archive.state()
        assert state.spool_bytes < limit + 2 * SEGMENT, "nothing more is read"
        assert state.streaming, "the connection is kept meanwhile"
        assert [bool(store.error) for store in state.stores] == [True, False]
        assert (archive.shippers[1].archived() or 0) > segment_start(_start(A, site.servers), SEGMENT) - SEGMENT
        held = site.servers.sql(A, "SELECT pg_current_wal_lsn() - restart_lsn FROM pg_replication_slots")
        assert int(held) > 2 * SEGMENT, "the primary keeps what was not read"
        moody.down = False
        target = Lsn.parse(site.servers.sql(A, "SELECT pg_current_wal_flush_lsn()"))
        eventually(
            lambda: all((one.archived() or 0) >= target for one in archive.shippers), 60, "the end of the backlog"
        )
        eventually(lambda: archive.state().spool_bytes <= SEGMENT, what="an empty spool")
        assert not any(store.error for store in archive.state().stores)
    assert site.compare(A, 1) >= 8


def test_a_store_that_was_down_at_the_start_gets_what_it_lacks_when_it_is_back(site: Site) -> None:
    moody = Moody(site.store)
    site.servers.write(A, 1)
    site.catch_up(A)
    for path in site.spool.iterdir():
        if path.is_file():
            path.unlink()
    site.servers.write(A, 2)
    with replicate(site.servers.access(A)) as server:
        server.command(f"DROP_REPLICATION_SLOT {ARCHIVE_SLOT}")
    site.servers.sql(A, "CHECKPOINT")
    moody.down = True
    with site.running(stores=[moody]) as archive:
        eventually(lambda: archive.pipeline.status().streaming)
        site.servers.write(A, 1)
        moody.down = False
        eventually(lambda: not archive.pipeline.unread(), what="a second look")
        site.wait_archived(archive, A)
    assert site.missing() == ()
    assert site.compare(A, 1) >= 4


def test_after_a_failover_the_new_primary_fills_in_what_the_old_one_had_not_sent(site: Site) -> None:
    servers = site.servers
    servers.clone(A, B)
    reached = site.catch_up(A)
    hold_on_standby(servers.access(B), "b", ARCHIVE_SLOT, 1, reached)
    servers.write(A, 3)  # nobody archives meanwhile
    target = servers.sql(A, "SELECT pg_current_wal_flush_lsn()")
    eventually(lambda: servers.sql(B, f"SELECT pg_last_wal_replay_lsn() >= '{target}'") == "t")
    servers.stop(A)
    servers.promote(B)
    site.lead("b")
    servers.write(B, 2)
    site.catch_up(B)
    history = read_history(site.store, site.system, 2)
    assert history is not None
    assert history.decode() == servers.sh(f"cat /pg/{B}/pg_wal/00000002.history")
    assert site.missing() == ()
    assert site.end(2) > Lsn.parse(target)
    assert site.compare(B, 2) >= 2


def test_a_promotion_while_it_streams_is_followed(site: Site) -> None:
    servers = site.servers
    servers.clone(A, B)
    with site.running() as archive:
        site.wait_archived(archive, A)
        site.lead("b")  # streams from the standby first, which then becomes the primary under its feet
        eventually(lambda: archive.pipeline.status().streaming and archive.pipeline.status().node == "b")
        servers.write(A, 1)
        servers.stop(A)
        servers.promote(B)
        servers.write(B, 2)
        site.wait_archived(archive, B)
        state = archive.state()
        assert (state.timeline, state.node, state.error) == (2, "b", "")
    assert site.missing() == ()
    (switchpoint,) = [each for each in site.store.list(wal_prefix(site.system, 1)) if ".tail/" in each.key][-1:]
    assert switchpoint.size, "what the old timeline had of its last segment stays"
    site.lead("a")
    servers.start(A)
    with site.running() as archive:
        eventually(lambda: archive.pipeline.status().error, what="a refusal")
        assert "on timeline 1, the archive on 2 already" in archive.pipeline.status().error


def test_a_cluster_that_went_back_to_an_older_timeline_is_archived_from_where_it_forked(site: Site) -> None:
    """What an in-place restore does: timeline 3 comes from 1, and 2, which the archive followed, is left."""
    servers = site.servers
    servers.clone(A, B)
    site.catch_up(A)
    servers.stop(A, "fast")
    servers.promote(B)
    site.lead("b")
    servers.write(B, 2)
    site.catch_up(B)
    servers.sh(
        f"cd /pg/{A}; rm -rf pg_replslot/*; cp /pg/{B}/pg_wal/00000002.history pg_wal/; touch standby.signal; "
        "echo \"recovery_target_timeline = 'current'\" >> postgresql.conf"
    )
    servers.start(A)
    servers.promote(A)
    servers.write(A, 3)
    servers.sql(A, "CHECKPOINT")
    site.lead("a")
    site.catch_up(A)
    history = read_history(site.store, site.system, 3)
    assert history is not None
    assert [span.timeline for span in lineage_of(history.decode(), 3)] == [1, 3]
    assert site.missing() == ()
    assert read_gaps(site.store, site.system) == ()


def test_the_slot_of_a_standby_is_made_and_does_not_hoard(site: Site) -> None:
    servers = site.servers
    servers.clone(A, B)
    hold_on_standby(servers.access(B), "b", ARCHIVE_SLOT, 1, 0)
    before = _start(B, servers)
    servers.write(A, 3)
    target = Lsn.parse(servers.sql(A, "SELECT pg_current_wal_flush_lsn()"))
    eventually(lambda: servers.sql(B, f"SELECT pg_last_wal_replay_lsn() >= '{target}'") == "t")
    hold_on_standby(servers.access(B), "b", ARCHIVE_SLOT, 1, target)
    assert _start(B, servers) == target > before
    hold_on_standby(servers.access(B), "b", ARCHIVE_SLOT, 2, target + 5)
    hold_on_standby(servers.access(B), "b", ARCHIVE_SLOT, 1, target - 5)
    assert _start(B, servers) == target, "another timeline, or less than it holds, changes nothing"


def _forget(site: Site, node: int, *standbys: int) -> None:
    """Let a primary remove the WAL that the archive has not received yet, and its standbys have."""
    with replicate(site.servers.access(node)) as server:
        if read_slot(server, ARCHIVE_SLOT)[0]:
            server.command(f"DROP_REPLICATION_SLOT {ARCHIVE_SLOT}")
    for setting in ("wal_keep_size = 0", "max_wal_size = '48MB'"):
        site.servers.sql(node, f"ALTER SYSTEM SET {setting}")
    site.servers.sql(node, "SELECT pg_reload_conf()")
    site.servers.write(node, 6)
    for _ in range(2):
        for standby in standbys:
            _replayed(site.servers, node, standby)
        site.servers.sql(node, "CHECKPOINT")
        site.servers.write(node, 1)


def _replayed(servers: Lab, source: int, standby: int) -> Lsn:
    """Wait until a standby has all that its primary has."""
    target = servers.sql(source, "SELECT pg_current_wal_flush_lsn()")
    eventually(lambda: servers.sql(standby, f"SELECT pg_last_wal_replay_lsn() >= '{target}'") == "t", what=f"{standby}")
    return Lsn.parse(target)


def test_wal_that_the_primary_removed_comes_from_a_standby_that_has_it(site: Site) -> None:
    servers = site.servers
    servers.clone(A, B, slot=True)
    reached = site.catch_up(A)
    hold_on_standby(servers.access(B), "b", ARCHIVE_SLOT, 1, reached)
    _forget(site, A, B)
    target = _replayed(servers, A, B)
    site.catch_up(A)
    assert read_gaps(site.store, site.system) == ()
    assert full_wanted(site.spool) == ""
    assert site.missing() == ()
    assert site.end(1) >= target


def test_a_new_primary_that_lacks_wal_of_the_old_timeline_is_filled_in_for_by_another_standby(site: Site) -> None:
    servers = site.servers
    for standby in (B, C):
        servers.clone(A, standby, slot=True)
    reached = site.catch_up(A)
    hold_on_standby(servers.access(C), "c", ARCHIVE_SLOT, 1, reached)
    with replicate(servers.access(B)) as server:
        if read_slot(server, ARCHIVE_SLOT)[0]:
            server.command(f"DROP_REPLICATION_SLOT {ARCHIVE_SLOT}")
    servers.write(A, 3)  # nobody archives meanwhile
    for standby in (B, C):
        target = _replayed(servers, A, standby)
    servers.stop(A)
    servers.promote(B)
    servers.sql(B, f"SELECT pg_create_physical_replication_slot('standby_{C}', true)")
    servers.sh(f"sed -i 's/port=5501/port={B}/; s/port=.5501./port={B}/' /pg/{C}/postgresql.auto.conf")
    servers.stop(C, "fast")
    servers.start(C)
    _replayed(servers, B, C)
    _forget(site, B, C)
    _replayed(servers, B, C)
    site.lead("b")
    site.catch_up(B)
    assert read_gaps(site.store, site.system) == ()
    assert site.missing() == ()
    assert site.end(2) > target
    assert all(int(name[8:], 16) for name in site.segments(1))


def test_what_a_standby_has_of_the_removed_wal_shortens_the_gap(site: Site) -> None:
    servers = site.servers
    servers.clone(A, B, slot=True)
    site.catch_up(A)
    with replicate(servers.access(B)) as server:
        if read_slot(server, ARCHIVE_SLOT)[0]:
            server.command(f"DROP_REPLICATION_SLOT {ARCHIVE_SLOT}")
    servers.sql(B, "ALTER SYSTEM SET wal_keep_size = 0")
    servers.sql(B, "SELECT pg_reload_conf()")
    _forget(site, A, B)
    _replayed(servers, A, B)
    for _ in range(2):
        servers.sql(A, "CHECKPOINT")
        servers.write(A, 1)
        _replayed(servers, A, B)
        servers.sql(B, "CHECKPOINT")
    hold_on_standby(servers.access(B), "b", ARCHIVE_SLOT, 1, 0)
    held = segment_start(_start(B, servers), SEGMENT)
    _forget(site, A, B)
    _replayed(servers, A, B)
    site.catch_up(A)
    (gap,) = read_gaps(site.store, site.system)
    assert gap.to_lsn == str(held), "what the standby has is no part of it"
    assert "b refuses: requested WAL segment" in gap.why
    assert all(each.known for each in site.missing())


def test_wal_that_was_removed_is_a_recorded_gap_and_asks_for_a_full_backup(site: Site) -> None:
    servers = site.servers
    site.catch_up(A)
    _forget(site, A)
    site.catch_up(A)
    (gap,) = read_gaps(site.store, site.system)
    assert "a refuses: requested WAL segment" in gap.why or "has already been removed" in gap.why
    assert "nothing listens at" in gap.why, "it says who else was asked"
    assert gap.why in full_wanted(site.spool)
    lost = site.missing()
    assert lost
    assert all(each.known for each in lost)
    ends = [parse_segment(each.segment, SEGMENT) for each in (lost[0], lost[-1])]
    assert Lsn.parse(gap.from_lsn) <= ends[0].start
    assert ends[1].end == Lsn.parse(gap.to_lsn)
    servers.write(A, 1)
    site.catch_up(A)
    assert read_gaps(site.store, site.system) == (gap,), "it is recorded once"


def test_a_lost_slot_is_made_anew_and_what_is_still_there_is_received(site: Site) -> None:
    servers = site.servers
    site.catch_up(A)
    for setting in ("max_slot_wal_keep_size = '16MB'", "max_wal_size = '48MB'", "wal_keep_size = 0"):
        servers.sql(A, f"ALTER SYSTEM SET {setting}")
    servers.sql(A, "SELECT pg_reload_conf()")
    servers.write(A, 6)
    servers.sql(A, "CHECKPOINT")
    assert servers.sql(A, f"SELECT wal_status FROM pg_replication_slots WHERE slot_name = '{ARCHIVE_SLOT}'") == "lost"
    with site.running() as archive:
        site.wait_archived(archive, A)
        assert archive.pipeline.status().streaming
    assert len(read_gaps(site.store, site.system)) == 1
    assert all(each.known for each in site.missing())


def test_another_cluster_at_the_primarys_address_is_refused(site: Site) -> None:
    servers = site.servers
    with site.running() as archive:
        site.wait_archived(archive, A)
        servers.stop(A)
        servers.sh(f"rm -rf /pg/{A}")
        servers.initdb(A)
        eventually(lambda: "this archive of" in archive.pipeline.status().error, what="a refusal")
    assert len(list((site.root / "store").glob("[0-9]*"))) == 1


def test_errors_of_the_server_carry_their_sqlstate_and_leave_the_connection_usable(site: Site) -> None:
    with replicate(site.servers.access(A), node="a") as server:
        with pytest.raises(ServerError, match='a refuses: replication slot "none" does not exist') as caught:
            server.command("START_REPLICATION SLOT none PHYSICAL 0/1000000 TIMELINE 1")
        assert caught.value.sqlstate == "42704"
        assert server.identify().timeline == 1
        site.servers.stop(A)
        with pytest.raises(LostError):
            server.identify()
    with pytest.raises(LostError, match="nothing listens at"), replicate(site.servers.access(A)):
        pass
    assert issubclass(ServerError, RefusedError)


def test_a_clock_that_is_set_back_by_an_hour_disturbs_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the clock of the service; the host's own stays as it is."""
    real = time.time
    with site.running() as archive:
        eventually(lambda: archive.pipeline.status().streaming)
        site.servers.write(A, 2)
        site.wait_archived(archive, A)
        monkeypatch.setattr(time, "time", lambda: real() - 3600)
        site.servers.write(A, 2)
        site.wait_archived(archive, A)
        state = archive.state()
        assert (state.error, state.stores[0].error, state.gaps) == ("", "", 0)
        assert state.stores[0].lag < 60
        assert state.updated < real() - 3000
    _forget(site, A)
    site.catch_up(A)
    monkeypatch.setattr(time, "time", lambda: real() - 7200)
    _forget(site, A)
    site.catch_up(A)
    gaps = sorted(read_gaps(site.store, site.system), key=lambda gap: Lsn.parse(gap.from_lsn))
    assert len(gaps) == 2
    assert gaps[0].noticed > gaps[1].noticed, "the clock was set back between them"
    assert all(each.known for each in site.missing())
    assert site.segments(1) == sorted(site.segments(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Context(ServiceContext):
    """The service's ground; whatever node it asks for is the lab's A."""

    site: Site

    def access(self, node: str) -> Access:
        return self.site.servers.access(A)


def _context(site: Site) -> ServiceContext:
    topology = replace(Topology.first(settings_of(), SIZING), system_identifier=site.system)
    inside = ClusterConfig(settings=settings_of(), topology=topology)
    return _Context(inside=inside, stores=(site.store,), home=site.root, state=site.root, site=site)


def test_the_present_moment_is_archived_when_it_is_asked_for(site: Site) -> None:
    """A restore to a moment ago need not wait for the next tail."""
    with site.running(tail_seconds=600.0) as archive:
        eventually(lambda: archive.pipeline.status().streaming and archive.state().stores)
        context = _context(site)
        eventually(lambda: (state := read_status(site.root).archive) and state.streaming)
        site.servers.sql(A, "SELECT pg_logical_emit_message(true, 'moment', 'a commit just now')")
        asked = time.time()
        present = archive_now(context, "local")
        assert present is not None
        assert present.when >= asked
        assert site.end(1) >= present.lsn
        stored = b"".join(read_segment(site.store, site.system, name) or b"" for name in site.segments(1))
        assert b"a commit just now" in stored
        assert archive_now(context, "elsewhere", patience=0.5) is None, "a store that is not there has nothing"
    eventually(lambda: time.time() - (site.root / "status.json").stat().st_mtime > 10, what="a state that is old")
    assert archive_now(context, "local") is None, "no archiver runs: nothing to wait for"
