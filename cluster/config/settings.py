"""Every setting there is, declared once: name, default, check and help. cluster/config/env_file.py reads them."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cluster.config.validators import (
    AUTO,
    address,
    address_or_auto,
    existing_file,
    matching,
    names,
    networks,
    no_space,
    one_of,
    path_or_nothing,
    pool_size,
    schedule,
    schedule_or_off,
    size,
    size_or_auto,
    time_zone,
    web_url,
    whole,
    words,
)

_DATABASE = re.compile(r"[a-z_][a-z0-9_]{0,25}\Z")
_ROLE = re.compile(r"[a-z_][a-z0-9_]{0,30}\Z")
PROJECT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,30}\Z")
MOST_REPLICAS = 30


def _setting(
    default: str, parse: Callable[[str], Any], text: str, room: str, *, variable: str = "", secret: bool = False
) -> Any:
    metadata = {"default": default, "parse": parse, "help": text, "room": room, "variable": variable, "secret": secret}
    return field(metadata=metadata, repr=not secret)


_CLUSTER, _PORTS, _POSTGRES, _POOL, _WATCH, _HEALTH, _BACKUP, IMAGES, _TIME = (
    "The cluster",
    "Where it listens",
    "PostgreSQL",
    "PgBouncer",
    "Monitoring",
    "Health",
    "Backups",
    "Images",
    "Patience",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the user asked for. Sizes are bytes, durations seconds; None means: derived (``auto``)."""

    project: str = _setting(
        "pods",
        matching(PROJECT_NAME, "use at most 31 of a-z, 0-9, _ and -, beginning with a letter or digit"),
        "Name of the cluster and of its Compose project; another name makes another cluster.",
        _CLUSTER,
    )
    database: str = _setting(
        "appdb",
        matching(_DATABASE, "use at most 26 of a-z, 0-9 and _"),
        "The application's database; pools are named after it.",
        _CLUSTER,
    )
    user: str = _setting(
        "app", matching(_ROLE, "use at most 31 of a-z, 0-9 and _"), "The role that owns the database.", _CLUSTER
    )
    replicas: int = _setting("2", whole(0, MOST_REPLICAS), "How many replicas the first `up` makes.", _CLUSTER)
    bind: str = _setting(
        "127.0.0.1",
        address,
        "Address of this host on which the ports listen; 0.0.0.0 opens them to the network.",
        _PORTS,
    )
    primary_port: int = _setting("5440", whole(1, 65535), "Host port of the primary.", _PORTS)
    replica_port: int = _setting(
        "5433", whole(1, 65535), "Host port of the first replica; the others follow it.", _PORTS
    )
    pgbouncer_port: int = _setting("6432", whole(1, 65535), "Host port of PgBouncer.", _PORTS)
    clients: tuple[str, ...] = _setting(
        "samenet",
        networks,
        "Networks the application may come from (pg_hba); samenet is this host and the cluster's own network.",
        _PORTS,
    )
    node_egress: str = _setting(
        "off",
        one_of("on", "off"),
        "Whether nodes may reach out: for subscriptions, foreign servers, and host names in your own pg_hba lines.",
        _PORTS,
    )
    tls_names: tuple[str, ...] = _setting(
        "", names, "More host names or addresses that the certificates of PgBouncer and the nodes are good for.", _PORTS
    )
    unprotected: tuple[str, ...] = _setting(
        "",
        words("health", "web"),
        "Pages that may listen beyond this host without password or TLS, say behind a proxy of yours: health, web.",
        _PORTS,
    )
    max_connections: int = _setting("100", whole(25, 10_000), "max_connections of every node.", _POSTGRES)
    shared_buffers: int | None = _setting(
        AUTO, size_or_auto("16MB"), "shared_buffers of every node; auto: a share of the host's memory.", _POSTGRES
    )
    work_mem: int | None = _setting(
        AUTO, size_or_auto("1MB"), "work_mem; auto: from memory and connections.", _POSTGRES
    )
    maintenance_work_mem: int | None = _setting(
        AUTO, size_or_auto("1MB"), "maintenance_work_mem; auto: from memory.", _POSTGRES
    )
    max_wal_size: int | None = _setting(AUTO, size_or_auto("64MB"), "max_wal_size; auto: from free disk.", _POSTGRES)
    wal_budget: int | None = _setting(
        AUTO,
        size_or_auto("128MB"),
        "max_slot_wal_keep_size: WAL kept for a replica that is away, before it must be cloned anew; auto: from disk.",
        _POSTGRES,
    )
    sync: str = _setting(
        "off",
        matching(re.compile(r"(off|(any|first):[1-9][0-9]?)\Z"), "use off, any:N or first:N"),
        "Synchronous replication: commits wait for N replicas, any or the first by ordinal; see `inv replica.sync`.",
        _POSTGRES,
    )
    io_method: str = _setting(
        AUTO,
        one_of(AUTO, "io_uring", "worker", "sync"),
        "io_method; auto: io_uring where the host allows it, else worker.",
        _POSTGRES,
    )
    max_clients: int = _setting("1000", whole(10, 100_000), "Client connections PgBouncer accepts.", _POOL)
    pool_size: int | None = _setting(
        AUTO, pool_size, "Server connections of each pool; auto: from max_connections.", _POOL
    )
    monitoring: str = _setting(
        "on",
        one_of("on", "off"),
        "Whether exporter, Prometheus, Alertmanager and Grafana run.",
        _WATCH,
    )
    web_bind: str = _setting(
        "127.0.0.1",
        address,
        "Address on which Prometheus, Alertmanager, Grafana and exporter listen; health has its own.",
        _WATCH,
    )
    web_tls: str = _setting(
        AUTO,
        one_of(AUTO, "on", "off"),
        "Whether these speak TLS, with certificates of the project's CA; auto: where PODS_WEB_BIND is not loopback.",
        _WATCH,
    )
    web_tls_names: tuple[str, ...] = _setting(
        "", names, "More host names or addresses by which these are asked, and their certificates good for.", _WATCH
    )
    exporter_port: int = _setting("9187", whole(1, 65535), "Host port of the exporter.", _WATCH)
    prometheus_port: int = _setting("9090", whole(1, 65535), "Host port of Prometheus.", _WATCH)
    alertmanager_port: int = _setting("9093", whole(1, 65535), "Host port of Alertmanager.", _WATCH)
    grafana_port: int = _setting("3000", whole(1, 65535), "Host port of Grafana.", _WATCH)
    grafana: str = _setting(
        AUTO,
        one_of(AUTO, "on", "off"),
        "Whether Grafana runs; auto: where the other images come from a registry.",
        _WATCH,
    )
    container_metrics: str = _setting(
        "on",
        one_of("on", "off"),
        "Whether the gate runs, which reads containers through the engine's socket, and has no network.",
        _WATCH,
    )
    scrape_interval: int = _setting("10", whole(3, 300), "Seconds between two looks of Prometheus.", _WATCH)
    metrics_days: int = _setting("15", whole(1, 3650), "Days that Prometheus keeps metrics.", _WATCH)
    metrics_size: int = _setting("5GB", size("64MB"), "Disk that Prometheus may use for metrics.", _WATCH)
    health: str = _setting("on", one_of("on", "off"), "Whether the health service runs.", _HEALTH)
    health_bind: str | None = _setting(
        AUTO,
        address_or_auto,
        "Address on which the health service listens; auto: PODS_WEB_BIND if that is loopback, else it must be said.",
        _HEALTH,
    )
    health_port: int = _setting("8080", whole(1, 65535), "Host port of the health service and its page.", _HEALTH)
    health_auth: str = _setting(
        "off",
        one_of("on", "off"),
        "Whether the health service asks for the secret in secrets/health_password, as bearer token or basic auth.",
        _HEALTH,
    )
    health_tls: str = _setting(
        "off",
        one_of("on", "off"),
        "Whether the health service speaks TLS, with a certificate of the project's CA.",
        _HEALTH,
    )
    health_tls_names: tuple[str, ...] = _setting(
        "", names, "More host names or addresses by which it is asked, and its certificate good for.", _HEALTH
    )
    health_lag: int = _setting(
        "64MB", size("1MB"), "A replica that is further behind than this is a reason to say degraded.", _HEALTH
    )
    health_silence: int = _setting(
        "30", whole(20, 3600), "Seconds without a word from the primary after which a replica is degraded.", _HEALTH
    )
    health_wait: int = _setting(
        "5", whole(1, 3600), "Seconds a client may wait for a connection before its pool is degraded.", _HEALTH
    )
    backup: str = _setting("on", one_of("on", "off"), "Whether backups are taken and WAL is archived.", _BACKUP)
    backup_schedule: str = _setting(
        "0 2 * * *",
        schedule,
        "When a backup is taken: minute, hour, day of month, month, day of week.",
        _BACKUP,
        variable="BACKUP_SCHEDULE",
    )
    backup_full_schedule: str = _setting(
        "0 2 * * 0",
        schedule,
        "When one is due that is full; the others hold what changed since. The same as the schedule: always full.",
        _BACKUP,
        variable="BACKUP_FULL_SCHEDULE",
    )
    backup_drill_schedule: str = _setting(
        "30 4 * * 0",
        schedule_or_off,
        "When the newest backup is restored into a throw-away server and looked at; off: never.",
        _BACKUP,
        variable="BACKUP_DRILL_SCHEDULE",
    )
    backup_time_zone: str = _setting(
        "UTC", time_zone, "Time zone of the schedules.", _BACKUP, variable="BACKUP_TIME_ZONE"
    )
    backup_retention_days: int = _setting(
        "7",
        whole(0, 36_500),
        "Any moment of so many last days can be restored to; 0: this rule is off.",
        _BACKUP,
        variable="BACKUP_RETENTION_DAYS",
    )
    backup_retention_count: int = _setting(
        "0", whole(0, 10_000), "So many newest backups stay.", _BACKUP, variable="BACKUP_RETENTION_COUNT"
    )
    backup_retention_daily: int = _setting(
        "0", whole(0, 10_000), "The newest of each of so many days stays.", _BACKUP, variable="BACKUP_RETENTION_DAILY"
    )
    backup_retention_weekly: int = _setting(
        "0", whole(0, 10_000), "The newest of each of so many weeks stays.", _BACKUP, variable="BACKUP_RETENTION_WEEKLY"
    )
    backup_incremental: str = _setting(
        AUTO,
        one_of(AUTO, "always"),
        "Incremental backups; auto: where the server's release makes ones that can be trusted; always: of any release.",
        _BACKUP,
        variable="BACKUP_INCREMENTAL",
    )
    backup_retention_monthly: int = _setting(
        "0",
        whole(0, 10_000),
        "The newest of each of so many months stays.",
        _BACKUP,
        variable="BACKUP_RETENTION_MONTHLY",
    )
    backup_retention_yearly: int = _setting(
        "0", whole(0, 10_000), "The newest of each of so many years stays.", _BACKUP, variable="BACKUP_RETENTION_YEARLY"
    )
    backup_retention_minimum: int = _setting(
        "1", whole(1, 10_000), "So many newest backups always stay.", _BACKUP, variable="BACKUP_RETENTION_MINIMUM"
    )
    backup_stores: str = _setting(
        AUTO,
        one_of(AUTO, "local", "s3", "local,s3"),
        "Where backups go; auto: to S3 where AWS_S3_BUCKET is set, else to a directory.",
        _BACKUP,
        variable="BACKUP_STORES",
    )
    backup_directory: str = _setting(
        "",
        path_or_nothing,
        "Directory of the local store, better on another disk; empty: data/backups.",
        _BACKUP,
        variable="BACKUP_DIRECTORY",
    )
    backup_tail_seconds: int = _setting(
        "10",
        whole(1, 3600),
        "Seconds between two pieces of the unfinished WAL segment: what is lost with the whole host.",
        _BACKUP,
        variable="BACKUP_TAIL_SECONDS",
    )
    backup_spool: int = _setting(
        "10GB", size("256MB"), "WAL kept here while no store takes it.", _BACKUP, variable="BACKUP_SPOOL"
    )
    backup_level: int = _setting("3", whole(1, 19), "zstd level.", _BACKUP, variable="BACKUP_LEVEL")
    backup_workers: int = _setting(
        "2", whole(0, 64), "zstd threads of the server that gives a backup.", _BACKUP, variable="BACKUP_WORKERS"
    )
    backup_rate: int = _setting(
        "0",
        whole(0, 1_048_576),
        "Most kB a second that a backup reads from the server; 0: no limit.",
        _BACKUP,
        variable="BACKUP_RATE",
    )
    backup_encryption: str = _setting(
        "off",
        one_of("on", "off"),
        "Encrypt before anything leaves, with the key in secrets/backup_key. Keep a copy of that key elsewhere.",
        _BACKUP,
        variable="BACKUP_ENCRYPTION",
    )
    s3_bucket: str = _setting("", no_space, "Bucket of the S3 store.", _BACKUP, variable="AWS_S3_BUCKET")
    s3_prefix: str = _setting(
        "", no_space, "What every object's name there begins with.", _BACKUP, variable="AWS_S3_PREFIX"
    )
    s3_access_key: str = _setting(
        "", no_space, "Access key of the S3 store.", _BACKUP, variable="AWS_ACCESS_KEY_ID", secret=True
    )
    s3_secret_key: str = _setting(
        "",
        no_space,
        "Secret key of the S3 store; .env then wants mode 0600.",
        _BACKUP,
        variable="AWS_SECRET_ACCESS_KEY",
        secret=True,
    )
    s3_region: str = _setting("", no_space, "Region of the bucket.", _BACKUP, variable="AWS_REGION")
    s3_endpoint: str = _setting(
        "", web_url, "Address of a store that is not Amazon's.", _BACKUP, variable="AWS_ENDPOINT_URL"
    )
    s3_plain: str = _setting(
        "off",
        one_of("on", "off"),
        "Whether backups that are not encrypted may go to an http:// address of another machine.",
        _BACKUP,
        variable="BACKUP_PLAIN_HTTP",
    )
    s3_ca: str = _setting(
        "",
        path_or_nothing,
        "File of the CA certificates that the S3 store's own is signed by; empty: the usual ones.",
        _BACKUP,
        variable="AWS_CA_BUNDLE",
    )
    s3_encryption: str = _setting(
        "",
        one_of("", "AES256", "aws:kms"),
        "Server-side encryption to ask of the store.",
        _BACKUP,
        variable="AWS_S3_ENCRYPTION",
    )
    s3_kms_key: str = _setting(
        "", no_space, "Key for aws:kms; empty: the account's own.", _BACKUP, variable="AWS_S3_KMS_KEY"
    )
    images: str = _setting(
        AUTO,
        one_of(AUTO, "registry", "debian"),
        "Base of the images: a registry's official ones, or the host's Debian archive; chosen once, at the first `up`.",
        IMAGES,
    )
    registry: str = _setting(
        "",
        no_space,
        "Prefix for official images when they come from a mirror, such as registry.example:5000/library/.",
        IMAGES,
    )
    debian_suite: str = _setting(
        "forky",
        matching(re.compile(r"[a-z][a-z-]*\Z"), "use a Debian suite name"),
        "Debian suite the images are built from.",
        IMAGES,
    )
    debian_mirror: str = _setting(
        "", no_space, "Debian archive the images are built from; empty: the one this host's apt uses.", IMAGES
    )
    stale_mirror: str = _setting(
        AUTO,
        one_of(AUTO, "true", "false"),
        "Accept a Debian archive whose index is past its Valid-Until; auto: as this host's apt is told to.",
        IMAGES,
    )
    build_ca: str = _setting("", existing_file, "CA bundle that builds trust, behind a TLS-inspecting proxy.", IMAGES)
    proxy: str = _setting(
        "", no_space, "HTTP proxy for builds, USER:PASSWORD@ included; .env then wants mode 0600.", IMAGES, secret=True
    )
    start_timeout: int = _setting(
        "300", whole(5, 86_400), "Seconds a node may take to start, recover and stream.", _TIME
    )
    stop_grace: int = _setting(
        "120", whole(5, 3_600), "Seconds PostgreSQL may take to stop before it is killed.", _TIME
    )
