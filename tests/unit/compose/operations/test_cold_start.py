"""What is found on disk after a loss of power: what is lawful starts, what somebody changed meanwhile does not.

A small model of a cluster, in which replicas have of the primary's WAL what they were sent, makes the files of every
lawful state; then data is put back, exchanged or left out.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cluster.errors import RefusedError
from cluster.naming import FIRST_PRIMARY, slot_of
from cluster.postgres.data_directory import DataDirectory
from cluster.postgres.lsn import Lsn
from cluster.postgres.wal_end import WalEnd
from cluster.topology import Handover, Topology
from compose.operations.cold_start import ColdStart, NodeHistory
from tests.fix_settings import SYSTEM, settings_of, topology_of

NODES = ("primary", "replica1", "replica2")
RECORD = 100


def _lsn(records: int) -> Lsn:
    return Lsn(0x3000000 + records * RECORD)


@dataclass
class Server:
    """One node's files: its WAL as (timeline, what is in it), and how much of it a checkpoint holds."""

    wal: list[tuple[int, int]]
    standby: bool
    checkpoint: int = 0
    oldest: int = 0
    running: bool = True
    timeline: int = 1
    slots: set[str] = field(default_factory=set)

    def history(self, primary: "Server") -> NodeHistory:
        """As it is read from them."""
        states = ("in archive recovery", "shut down in recovery") if self.standby else ("in production", "shut down")
        timeline = max([self.timeline, *(timeline for timeline, _ in self.wal[: self.checkpoint])])
        data = DataDirectory(
            *("18", SYSTEM, states[not self.running], _lsn(self.checkpoint), timeline, self.standby),
            redo=_lsn(self.checkpoint),
            replayed=_lsn(len(self.wal)) if self.standby else Lsn(0),
        )
        newest, last = max(timeline, self.wal[-1][0]), len(self.wal) - 1
        end = WalEnd(newest, _lsn(last + 1), _lsn(last), hash(self.wal[-1]))
        agrees = self.wal[last] == primary.wal[last] if primary.oldest <= last < len(primary.wal) else None
        return NodeHistory(data, end, frozenset(self.slots), agrees if newest == primary.newest else None)

    @property
    def newest(self) -> int:
        """The timeline it is on."""
        return max(self.timeline, self.wal[-1][0])


class Model:
    """A cluster and what happens to it."""

    def __init__(self) -> None:
        topology = topology_of(settings_of())
        assert topology.names == NODES
        self.topology: Topology = replace(topology, timeline=1)
        self.servers = {name: Server([(1, 0)], name != FIRST_PRIMARY) for name in NODES}
        self.servers[FIRST_PRIMARY].slots = {slot_of(name) for name in NODES[1:]}
        self.written = 0

    @property
    def primary(self) -> Server:
        """That of the topology."""
        return self.servers[self.topology.primary]

    def write(self, _: str) -> None:
        """A commit."""
        if not self.primary.standby:
            self.written += 1
            self.primary.wal.append((self.primary.newest, self.written))

    def stream(self, name: str) -> None:
        """``name`` gets what it lacks; half of it, where that is more than one."""
        server = self.servers[name]
        if server.standby and not self.primary.standby and self.primary.wal[: len(server.wal)] == server.wal:
            some = len(server.wal) + (len(self.primary.wal) - len(server.wal) + 1) // 2
            server.wal = self.primary.wal[:some]

    def checkpoint(self, name: str) -> None:
        """What is before it, is recycled on the primary."""
        server = self.servers[name]
        server.checkpoint = len(server.wal) - 1
        server.oldest = max(server.oldest, server.checkpoint - 2)
        server.timeline = server.newest

    def decide(self, name: str) -> None:
        """A switchover to ``name`` up to where it is decided."""
        source = self.topology.primary
        if self.topology.handover is None and name != source and not self.primary.standby:
            self.write("")
            self.checkpoint(source)
            self.primary.running = False
            self.servers[name].wal = list(self.primary.wal)
            lsn = str(_lsn(len(self.primary.wal) - 1))
            handover = Handover(source=source, lsn=lsn, timeline=self.primary.newest)
            self.topology = replace(self.topology, primary=name, handover=handover)

    def promote(self, _: str) -> None:
        """The server does it; nothing was written down yet."""
        if self.topology.promoting and self.primary.standby:
            self.primary.standby, self.primary.timeline = False, self.primary.newest + 1
            self.primary.slots = {slot_of(name) for name in NODES if name != self.topology.primary}
            self.write("")

    def remember(self, _: str) -> None:
        """It was promoted, and the topology says so."""
        if self.topology.handover is not None and not self.primary.standby:
            self.topology = replace(self.topology, handover=replace(self.topology.handover, promoted=True))

    def rejoin(self, _: str) -> None:
        """The old primary follows; with that it is done."""
        if self.topology.handover is not None and self.topology.handover.promoted:
            source = self.servers[self.topology.handover.source]
            source.standby, source.slots = True, set()
            self.topology = replace(self.topology, handover=None, timeline=self.topology.least_timeline)

    def refusal(self, servers: Mapping[str, Server] | None = None) -> RefusedError | None:
        """The judgement of what lies on disk."""
        servers = self.servers if servers is None else servers
        histories = {name: each.history(servers[self.topology.primary]) for name, each in servers.items()}
        return next(ColdStart(self.topology, histories, {name: f"data/{name}" for name in NODES}).refusals(), None)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["write", "write", "stream", "stream", "checkpoint", "decide", "promote", "remember", "rejoin"]
        ),
        st.sampled_from(NODES),
    ),
    max_size=40,
)


def _model(events: list[tuple[str, str]], model: Model | None = None) -> Model:
    model = model or Model()
    for event, name in events:
        getattr(model, event)(name)
    return model


@given(events=EVENTS, missing=st.sets(st.sampled_from(NODES)))
@settings(max_examples=300, deadline=None)
def test_power_lost_at_any_moment_and_any_replica_missing_up_starts(
    events: list[tuple[str, str]], missing: set[str]
) -> None:
    model = _model(events)
    there = {name: server for name, server in model.servers.items() if name not in missing - {model.topology.primary}}
    assert model.refusal(there) is None


@given(before=EVENTS, after=EVENTS, missing=st.sets(st.sampled_from(NODES)), recorded=st.booleans())
@settings(max_examples=300, deadline=None)
def test_an_old_copy_of_the_primary_that_lacks_what_a_replica_has_is_refused(
    before: list[tuple[str, str]], after: list[tuple[str, str]], missing: set[str], recorded: bool
) -> None:
    model = _model(before)
    old = copy.deepcopy(model.servers)
    _model(after, model)
    primary = model.topology.primary
    assume(model.topology.handover is None)
    if not recorded:  # a cluster that this version has not yet brought up
        model.topology = replace(model.topology, timeline=0)
    there = {name: server for name, server in model.servers.items() if name not in missing - {primary}}
    ahead = any(
        (each.newest, len(each.wal)) > (old[primary].newest, len(old[primary].wal))
        for name, each in there.items()
        if name != primary
    )
    refusal = model.refusal({**there, primary: old[primary]})
    assert refusal is not None or (not ahead and old[primary].newest >= model.topology.timeline)
    assert refusal is None or refusal.hint


@given(events=EVENTS, replica=st.sampled_from(NODES))
@settings(max_examples=300, deadline=None)
def test_a_primary_s_directory_exchanged_with_a_replica_s_is_refused(
    events: list[tuple[str, str]], replica: str
) -> None:
    model = _model(events)
    primary = model.topology.primary
    assume(model.topology.handover is None and replica != primary)
    exchanged = {**model.servers, primary: model.servers[replica], replica: model.servers[primary]}
    refusal = model.refusal(exchanged)
    assert refusal is not None
    assert "they seem to have been exchanged" in refusal.message
    assert f"mv data/{primary} data/{replica} && mv data/{replica}.other data/{primary}" in refusal.hint


@given(events=EVENTS, writes=st.integers(1, 5), ahead=st.integers(0, 5))
@settings(max_examples=200, deadline=None)
def test_two_that_took_writes_on_one_timeline_are_refused(
    events: list[tuple[str, str]], writes: int, ahead: int
) -> None:
    model = _model(events)
    assume(model.topology.handover is None)
    second = next(name for name in NODES if name != model.topology.primary)
    other = model.servers[second]
    assume(other.newest == model.primary.newest)
    other.standby = False
    other.wal = other.wal + [(other.newest, -n) for n in range(1, writes + 1)]
    for _ in range(ahead):
        model.write("")
    refusal = model.refusal()
    assert refusal is not None
    assert f"{model.topology.primary} and {second} both hold a primary's data" in refusal.message


def test_a_topology_from_before_a_switchover_is_told_from_directories_that_were_exchanged() -> None:
    model = Model()
    old = model.topology
    _model([("decide", "replica1"), ("promote", ""), ("remember", ""), ("rejoin", "")], model)
    model.topology = old
    refusal = model.refusal()
    assert refusal is not None
    assert "as if replica1 had become the primary since data/topology.json was written" in refusal.message


def test_what_no_topology_recorded_a_replica_knows() -> None:
    model = Model()
    old = copy.deepcopy(model.primary)
    for target in ("replica1", "primary"):
        _model([("decide", target), ("promote", ""), ("remember", ""), ("rejoin", ""), ("stream", "replica2")], model)
    _model([("stream", "replica2")] * 4, model)
    model.topology = replace(model.topology, timeline=0)  # it is of a version that recorded none
    refusal = model.refusal({**model.servers, "primary": old})
    assert refusal is not None
    assert "data/primary is of timeline 1, and that of" in refusal.message


def test_where_loss_was_accepted_a_replica_that_has_more_than_the_one_chosen_keeps_nothing_from_starting() -> None:
    model = _model([("write", ""), ("stream", "replica1"), ("write", ""), ("write", ""), ("stream", "replica2")])
    lsn = str(_lsn(len(model.servers["replica1"].wal)))
    chosen = Handover(source="primary", lsn=lsn, timeline=1)
    model.topology = replace(model.topology, primary="replica1", handover=chosen)
    assert model.refusal() is None


def test_the_old_primary_s_data_is_not_that_of_the_standby_which_was_chosen() -> None:
    model = _model([("write", ""), ("decide", "replica1")])
    primary, replica = model.servers["primary"], model.servers["replica1"]
    refusal = model.refusal({**model.servers, "primary": replica, "replica1": primary})
    assert refusal is not None
    assert "is not that of the standby that was to follow primary" in refusal.message


def test_a_copy_of_the_primary_in_a_replica_s_directory_has_nothing_that_could_be_lost() -> None:
    model = _model([("write", ""), ("write", "")])
    old = copy.deepcopy(model.primary)
    model.write("")
    assert model.refusal({**model.servers, "replica1": old}) is None


def test_where_no_replica_is_left_there_is_a_backup_to_choose() -> None:
    model = Model()
    model.topology = replace(model.topology, timeline=2)
    refusal = model.refusal({FIRST_PRIMARY: model.primary})
    assert refusal is not None
    assert "is of timeline 1, and the primary of this cluster has been on timeline 2" in refusal.message
    assert "inv backup.restore" in refusal.hint


def test_data_that_recovers_from_a_backup_is_put_there_on_purpose() -> None:
    model = Model()
    model.topology = replace(model.topology, timeline=5)
    history = model.primary.history(model.primary)
    recovering = replace(history, data=replace(history.data, recovering=True))
    assert (
        list(ColdStart(model.topology, {FIRST_PRIMARY: recovering}, {FIRST_PRIMARY: "data/primary"}).refusals()) == []
    )
