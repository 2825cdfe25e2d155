"""Several Docker hosts: whether anybody could be elected, who leads, and what each agent and vote says of itself."""

from dashboards.model import Row
from dashboards.panels import bars, figure, from_, lines, series, states, warn_at, word

_ONE = "one host: nobody votes"
_OF = '{cluster="$cluster"}'
_YES_NO = (word(0, "no", "red"), word(1, "yes", "green"))

HOSTS = Row(
    title="Hosts",
    panels=(
        figure(
            "Votes to spare",
            "How many votes may still be lost before nobody can be elected. At 0 the next loss stops failover; below "
            "it the cluster goes on only while every host answers (failsafe).",
            "none",
            series(f"pods_hosts_votes_counted{_OF} - pods_hosts_votes_needed{_OF}", "to spare"),
            base="red",
            limits=(from_(0, "orange"), from_(1, "green")),
            width=5,
            empty=_ONE,
        ),
        figure(
            "Leader",
            "The host whose node has the lease, as Patroni has it. Nobody: no writes until one is elected.",
            "none",
            series(f"pods_patroni_leader{_OF} == 1", "{{host}}"),
            named=True,
            width=5,
            empty=_ONE,
        ),
        figure(
            "Failsafe",
            "Hosts that go on without the store, as long as every host answers. Bring votes back before one is lost.",
            "none",
            series(f"sum(pods_patroni_failsafe{_OF})", "hosts"),
            limits=(from_(1, "red"),),
            width=4,
            empty=_ONE,
        ),
        figure(
            "Waiting for a restart",
            "Members with a parameter that a restart brings into force (`inv restart`).",
            "none",
            series(f"sum(pods_patroni_pending_restart{_OF})", "members"),
            limits=(from_(1, "orange"),),
            width=5,
            empty=_ONE,
        ),
        figure(
            "Agents that take writes",
            "Agents whose server is a primary by its own word. More than one for longer than a lease is two primaries.",
            "none",
            series(f"pods_patroni_primaries{_OF}", "primaries"),
            base="red",
            limits=(from_(1, "green"), from_(2, "red")),
            width=5,
            empty=_ONE,
        ),
        states(
            "Votes",
            "Whether each host's vote took part: it answered, and could commit with the others.",
            series(f"pods_etcd_healthy{_OF}", "{{host}}"),
            words=_YES_NO,
            empty=_ONE,
        ),
        states(
            "Agents",
            "Whether each host's agent answered. A server whose agent is silent is ended by its guard.",
            series(f"pods_patroni_up{_OF}", "{{host}}"),
            words=_YES_NO,
            empty=_ONE,
        ),
        lines(
            "Lag, as the store has it",
            "WAL that each member has yet to replay. One that lacks more than PODS_FAILOVER_LOSS is not elected.",
            "bytes",
            series(f"pods_patroni_lag_bytes{_OF}", "{{host}}"),
            width=8,
            empty=_ONE,
        ),
        lines(
            "Store last reached",
            "Seconds since each agent reached the store. Longer than its lease: it is cut off, and no leader any more.",
            "s",
            series(f"time() - pods_patroni_dcs_last_seen_timestamp_seconds{_OF}", "{{host}}"),
            limits=warn_at(15, 30),
            width=8,
            empty=_ONE,
        ),
        bars(
            "Store filled",
            "Size of etcd's file, of what it may be. When it is full, nobody's lease can be renewed.",
            "percentunit",
            series(f"pods_etcd_db_size_bytes{_OF} / pods_etcd_db_quota_bytes{_OF}", "{{host}}"),
            limits=warn_at(0.6, 0.8),
            most=1,
            width=8,
            empty=_ONE,
        ),
        lines(
            "Time to write the store's log",
            "Mean of etcd's writes to disk. Beyond 10 ms, leases are renewed late: give it a disk of its own.",
            "s",
            series(
                f"rate(pods_etcd_fsync_seconds_total{_OF}[$__rate_interval])\n"
                f"/ (rate(pods_etcd_fsyncs_total{_OF}[$__rate_interval]) > 0)",
                "{{host}}",
            ),
            limits=warn_at(0.01, 0.1),
            width=12,
            empty=_ONE,
        ),
        lines(
            "Changes of who leads the votes",
            "As each vote saw them. Some when hosts are restarted; all the time: their network or disks are slow.",
            "none",
            series(f"increase(pods_etcd_leader_changes_total{_OF}[$__rate_interval])", "{{host}}"),
            width=12,
            empty=_ONE,
        ),
    ),
)
