"""The metrics of Docker hosts, where Patroni decides who is the primary: votes, agents, members."""

from collections.abc import Mapping, Sequence

from cluster.config.docker_hosts import DockerHosts
from cluster.hosts.hosts_reading import HostReading, HostsReading
from exporters.declarations import Family, Row, counter, gauge

FAMILIES = (
    Family(
        source="hosts",
        prefix="pods_hosts_",
        metrics=(
            gauge("votes", "Votes of the consensus store that there are; none of these in a cluster without hosts."),
            gauge("votes_counted", "Votes that take part: they answer and can commit with the others."),
            gauge("votes_needed", "Votes that are a majority, without which nobody is elected."),
        ),
    ),
    Family(
        source="hosts_roles",
        prefix="pods_hosts_",
        labels=("host", "zone"),
        metrics=(gauge("info", "1 for each Docker host of config/hosts.toml."),),
    ),
    Family(
        source="patroni",
        prefix="pods_patroni_",
        metrics=(
            gauge("has_leader", "1 if a member holds the lease; absent where the store cannot be asked."),
            gauge("primaries", "Agents that say that their server takes writes; more than one is two primaries."),
            gauge("paused", "1 if Patroni promotes nobody by itself."),
        ),
    ),
    Family(
        source="patroni_agents",
        prefix="pods_patroni_",
        labels=("host",),
        metrics=(
            gauge("up", "1 if the agent answered."),
            gauge("leader", "1 if the member holds the lease, as far as is known."),
            gauge("running", "1 if its server runs, and streams if it is a standby, in the agent's words."),
            gauge("failsafe", "1 if the agent goes on without the store."),
            gauge("pending_restart", "1 if a parameter waits for a restart."),
            gauge("dcs_last_seen_timestamp_seconds", "When the agent reached the store last, Unix time."),
            gauge("lag_bytes", "WAL that the member has yet to replay, as the store has it; absent of the leader."),
            gauge("timeline", "The timeline of the member's server, where it is known."),
        ),
    ),
    Family(
        source="etcd",
        prefix="pods_etcd_",
        labels=("host",),
        metrics=(
            gauge("up", "1 if the vote answered."),
            gauge("healthy", "1 if the vote takes part: it answers and can commit with the others."),
            gauge("leader", "1 if it leads the votes."),
            gauge("db_size_bytes", "Bytes of the store's file."),
            gauge("db_quota_bytes", "Bytes at which the store takes nothing any more."),
            counter("leader_changes_total", "Changes of who leads the votes that it saw since it was started."),
            counter("fsync_seconds_total", "Seconds in which its log was written to disk, since it was started."),
            counter("fsyncs_total", "How often its log was written to disk since it was started."),
        ),
    ),
)


def hosts_metrics(hosts: DockerHosts, reading: HostsReading | None) -> Mapping[str, Sequence[Row]]:
    """Rows by source; none where nobody asked, so that a cluster on one host has no series of these."""
    if reading is None:
        return {}
    votes = reading.votes
    return {
        "hosts": [{"votes": votes.total, "votes_counted": votes.counted, "votes_needed": votes.needed}],
        "hosts_roles": [{"host": host.name, "zone": host.zone, "info": 1} for host in hosts.hosts],
        "patroni": [
            {
                "has_leader": None if reading.listing is None else int(reading.listing.leader is not None),
                "primaries": len(reading.primaries),
                "paused": int(reading.paused),
            }
        ],
        "patroni_agents": [_agent(host, reading) for host in reading.hosts.values() if host.node],
        "etcd": [_vote(host) for host in reading.hosts.values() if host.votes],
    }


def _agent(host: HostReading, whole: HostsReading) -> Row:
    listed = whole.listing.find(host.name) if whole.listing is not None else None
    row: dict[str, object] = {
        "host": host.name,
        "up": int(host.agent is not None),
        "leader": int(whole.leader == host.name),
        "lag_bytes": listed.lag if listed is not None else None,
    }
    agent = host.agent
    if agent is None:
        return row
    return row | {
        "running": int((listed.state if listed is not None else agent.state) in ("running", "streaming")),
        "failsafe": int(agent.failsafe),
        "pending_restart": int(agent.restart_pending),
        "dcs_last_seen_timestamp_seconds": agent.seen,
        "timeline": agent.timeline or (listed.timeline if listed is not None else None),
    }


def _vote(host: HostReading) -> Row:
    row: dict[str, object] = {"host": host.name, "up": int(host.vote is not None), "healthy": int(host.vote_counts)}
    figures = host.figures
    if figures is None:
        return row
    return row | {
        "leader": int(figures.leads),
        "db_size_bytes": figures.size,
        "db_quota_bytes": figures.quota,
        "leader_changes_total": figures.leader_changes,
        "fsync_seconds_total": figures.fsync_seconds,
        "fsyncs_total": figures.fsyncs,
    }
