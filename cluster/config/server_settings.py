"""Settings of the servers: the cluster, its ports, PostgreSQL, PgBouncer, who takes over."""

import re
from dataclasses import dataclass

from cluster.config.declaration import CLUSTER, FAILOVER, LOGS, PGBOUNCER, PORTS, POSTGRESQL, setting
from cluster.config.validators import (
    AUTO,
    address,
    matching,
    names,
    networks,
    one_of,
    pool_size,
    size,
    size_or_auto,
    whole,
    words,
)
from cluster.extensions import read_words

_DATABASE = re.compile(r"[a-z_][a-z0-9_]{0,25}\Z")
_ROLE = re.compile(r"[a-z_][a-z0-9_]{0,30}\Z")
PROJECT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,30}\Z")
MOST_REPLICAS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Sizes are bytes, durations seconds; None means: derived (``auto``)."""

    project: str = setting(
        "pods",
        matching(PROJECT_NAME, "use at most 31 of a-z, 0-9, _ and -, beginning with a letter or digit"),
        "Name of the cluster and of its Compose project; another name makes another cluster.",
        CLUSTER,
    )
    database: str = setting(
        "appdb",
        matching(_DATABASE, "use at most 26 of a-z, 0-9 and _"),
        "The application's database; pools are named after it.",
        CLUSTER,
    )
    user: str = setting(
        "app", matching(_ROLE, "use at most 31 of a-z, 0-9 and _"), "The role that owns the database.", CLUSTER
    )
    replicas: int = setting("2", whole(0, MOST_REPLICAS), "How many replicas the first `up` makes.", CLUSTER)
    bind: str = setting(
        "127.0.0.1",
        address,
        "Address of this host on which the ports listen; 0.0.0.0 opens them to the network.",
        PORTS,
    )
    primary_port: int = setting("5440", whole(1, 65535), "Host port that leads to the node that is the primary.", PORTS)
    replica_port: int = setting(
        "5433", whole(1, 65535), "Host port of the first replica; those of the other nodes follow it.", PORTS
    )
    pgbouncer_port: int = setting("6432", whole(1, 65535), "Host port of PgBouncer.", PORTS)
    clients: tuple[str, ...] = setting(
        "samenet",
        networks,
        "Networks the application may come from (pg_hba); samenet is this host and the cluster's own network.",
        PORTS,
    )
    node_egress: str = setting(
        "off",
        one_of("on", "off"),
        "Whether nodes may reach out: for subscriptions, foreign servers, and host names in your own pg_hba lines.",
        PORTS,
    )
    tls_names: tuple[str, ...] = setting(
        "", names, "More host names or addresses that the certificates of PgBouncer and the nodes are good for.", PORTS
    )
    unprotected: tuple[str, ...] = setting(
        "",
        words("health", "web"),
        "Pages that may listen beyond this host without password or TLS, say behind a proxy of yours: health, web.",
        PORTS,
    )
    max_connections: int = setting("100", whole(25, 10_000), "max_connections of every node.", POSTGRESQL)
    shared_buffers: int | None = setting(
        AUTO,
        size_or_auto("16MB", "8191GB"),
        "shared_buffers of every node; auto: a share of the host's memory.",
        POSTGRESQL,
    )
    work_mem: int | None = setting(
        AUTO, size_or_auto("1MB", "2047GB"), "work_mem; auto: from memory and connections.", POSTGRESQL
    )
    maintenance_work_mem: int | None = setting(
        AUTO, size_or_auto("1MB", "2047GB"), "maintenance_work_mem; auto: from memory.", POSTGRESQL
    )
    max_wal_size: int | None = setting(AUTO, size_or_auto("64MB"), "max_wal_size; auto: from free disk.", POSTGRESQL)
    wal_budget: int | None = setting(
        AUTO,
        size_or_auto("128MB"),
        "max_slot_wal_keep_size: WAL kept for a replica that is away, before it must be cloned anew; auto: from disk.",
        POSTGRESQL,
    )
    sync: str = setting(
        "off",
        matching(re.compile(r"(off|(any|first):[1-9][0-9]?)\Z"), "use off, any:N or first:N"),
        "Synchronous replication: commits wait for N replicas, any or the first by ordinal; see `inv replica.sync`.",
        POSTGRESQL,
    )
    io_method: str = setting(
        AUTO,
        one_of(AUTO, "io_uring", "worker", "sync"),
        "io_method; auto: io_uring where the host allows it, else worker; worker on hosts that Patroni runs.",
        POSTGRESQL,
    )
    extensions: tuple[str, ...] = setting(
        "",
        read_words,
        "Extensions that every node has, by name, with commas between: pgvector, postgis, cron … "
        "(docs/reference/extensions.md).",
        POSTGRESQL,
    )
    max_clients: int = setting("1000", whole(10, 100_000), "Client connections PgBouncer accepts.", PGBOUNCER)
    pool_size: int | None = setting(
        AUTO, pool_size, "Server connections of each pool; auto: from max_connections.", PGBOUNCER
    )
    pool_reset: str = setting(
        "on",
        one_of("on", "off"),
        "Whether a server connection forgets what a client set before it is lent on; off is faster, and leaves it.",
        PGBOUNCER,
    )
    pool_idle_transaction: int = setting(
        "300",
        whole(0, 86_400),
        "Seconds of silence within a transaction after which PgBouncer ends its client; 0: never.",
        PGBOUNCER,
    )
    read_lag: int = setting(
        "60",
        whole(0, 86_400),
        "Seconds behind after which a replica is out of the pool of all readers while another is nearer; 0: never.",
        PGBOUNCER,
    )
    failover: str = setting(
        "manual",
        one_of("manual", "auto"),
        "Who acts when the primary is gone: you (`inv failover`), or a service that has the engine's socket.",
        FAILOVER,
    )
    failover_after: int = setting(
        "10", whole(2, 86_400), "auto: seconds for which the primary must be gone, and not come back.", FAILOVER
    )
    failover_loss: int = setting(
        "0B", size("0B"), "auto: WAL that may be lost where no synchronous replica has it.", FAILOVER
    )
    failover_interval: int = setting(
        "3600", whole(0, 2_592_000), "auto: seconds after a failover in which there is no second one.", FAILOVER
    )
    failover_pace: str = setting(
        "norm",
        one_of("fast", "norm", "wide"),
        "Several hosts: how soon Patroni gives a silent primary up, and how much trouble with etcd it bears before.",
        FAILOVER,
    )
    failsafe: str = setting(
        "on",
        one_of("on", "off"),
        "Several hosts: the primary stays while etcd is lost and all other nodes still answer it.",
        FAILOVER,
    )
    log: str = setting(
        "text", one_of("text", "json"), "How nodes and PODS' own services write the logs of their containers.", LOGS
    )
    log_days: int = setting(
        "7", whole(1, 3650), "Days for which data/logs keeps the log of each service, also over `down`.", LOGS
    )
    log_size: int = setting(
        "256MB", size("1MB"), "Disk that the kept log of each service may use; the oldest goes first.", LOGS
    )
    audit: str = setting(
        "off",
        one_of("off", "ddl", "write", "all"),
        "What pgaudit records: ddl: definitions, roles and grants; write: rows that are written too; all: and read.",
        LOGS,
    )
    audit_days: int = setting("90", whole(1, 3650), "Days for which data/logs keeps what pgaudit recorded.", LOGS)
    audit_size: int = setting("2GB", size("1MB"), "Disk that this may use, of each node; the oldest goes first.", LOGS)
