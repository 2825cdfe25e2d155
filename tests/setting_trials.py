"""Every setting with two values that are tried: what they change, and how a cluster is tried with them.

A setting without a trial is a failed test. `nox -s settings` makes clusters with all first values and with all second
ones, and changes each into the other while it runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cluster.config.env_file import PROJECT_ROOT

Acts = Literal["files", "services", "up"]
_S3 = {"BACKUP_STORES": "s3", "AWS_S3_BUCKET": "kept"}
_MAIL = {
    "PODS_ALERT_TO": "mailto:you@example.com",
    "PODS_ALERT_SMTP": "mx.example:25",
    "PODS_ALERT_FROM": "pods@example.com",
}
_ALERTS = "tests/integration/test_87_receivers.py"
_FILE = str(PROJECT_ROOT / "LICENSE")


@dataclass(frozen=True, slots=True)
class Trial:
    """Two values, and where they act: in generated ``files``, in what ``services`` read at run time, or in `up` itself.

    ``beside``: settings that go with it. ``live``: tried on real clusters, new and running; "new": when one is made,
    and never changed; "": elsewhere, as ``where`` says.
    """

    first: str
    second: str
    acts: Acts = "files"
    live: Literal["running", "new", ""] = "running"
    where: str = ""
    beside: Mapping[str, str] = field(default_factory=dict)

    @property
    def values(self) -> tuple[str, str]:
        """Both."""
        return self.first, self.second


def _s3(first: str, second: str, acts: Acts = "services") -> Trial:
    return Trial(first, second, acts, "", "tests/integration/backup/test_s3.py", _S3)


def _image(first: str, second: str, where: str = "tests/unit/compose/engine/test_image_build.py") -> Trial:
    return Trial(first, second, "up", "", where)


def _port(first: int) -> Trial:
    return Trial(str(first), str(first + 1))


TRIALS: Mapping[str, Trial] = {
    "PODS_PROJECT": Trial("one", "an-other_1", "services", "new"),
    "PODS_DATABASE": Trial("shop", "appdb", live="new"),
    "PODS_USER": Trial("seller", "app", "up", "new"),
    "PODS_REPLICAS": Trial("1", "2", "up", "new"),
    "PODS_BIND": Trial("127.0.0.1", "0.0.0.0"),
    "PODS_PRIMARY_PORT": _port(23110),
    "PODS_REPLICA_PORT": _port(23120),
    "PODS_PGBOUNCER_PORT": _port(23130),
    "PODS_EXTENSIONS": Trial("cron", "pgaudit", "files", "", "tests/integration/test_76_extensions.py"),
    "PODS_CLIENTS": Trial("samenet,10.0.0.0/8", "samenet,2001:db8::/32,192.0.2.7"),
    "PODS_NODE_EGRESS": Trial("on", "off"),
    "PODS_TLS_NAMES": Trial("db.example,192.0.2.9", "other.example", "services"),
    "PODS_UNPROTECTED": Trial("web,health", "web", "services"),
    "PODS_MAX_CONNECTIONS": Trial("60", "120"),
    "PODS_SHARED_BUFFERS": Trial("32MB", "64MB"),
    "PODS_WORK_MEM": Trial("2MB", "5MB"),
    "PODS_MAINTENANCE_WORK_MEM": Trial("32MB", "65MB"),
    "PODS_MAX_WAL_SIZE": Trial("128MB", "256MB"),
    "PODS_WAL_BUDGET": Trial("512MB", "1GB"),
    "PODS_SYNC": Trial("off", "any:1"),
    "PODS_IO_METHOD": Trial("worker", "sync"),
    "PODS_MAX_CLIENTS": Trial("50", "500"),
    "PODS_POOL_SIZE": Trial("7", "9"),
    "PODS_POOL_RESET": Trial("off", "on"),
    "PODS_POOL_IDLE_TRANSACTION": Trial("0", "86400"),
    "PODS_FAILOVER": Trial("auto", "manual"),
    "PODS_FAILOVER_AFTER": Trial("2", "86400", "services"),
    "PODS_FAILOVER_LOSS": Trial("0B", "16MB", "services"),
    "PODS_FAILOVER_INTERVAL": Trial("0", "3600", "services"),
    "PODS_FAILOVER_PACE": Trial("fast", "wide", "services"),
    "PODS_FAILSAFE": Trial("off", "on", "services"),
    "PODS_LOG": Trial("json", "text"),
    "PODS_LOG_DAYS": Trial("1", "3650"),
    "PODS_LOG_SIZE": Trial("1MB", "2GB"),
    "PODS_AUDIT": Trial("ddl", "all", live="", where="tests/integration/test_76_extensions.py"),
    "PODS_AUDIT_DAYS": Trial("1", "3650"),
    "PODS_AUDIT_SIZE": Trial("1MB", "1TB"),
    "PODS_MONITORING": Trial("on", "off"),
    "PODS_WEB_BIND": Trial("127.0.0.1", "127.0.0.2"),
    "PODS_WEB_TLS": Trial("on", "off"),
    "PODS_WEB_TLS_NAMES": Trial("watch.example", "", beside={"PODS_WEB_TLS": "on"}, acts="services"),
    "PODS_EXPORTER_PORT": _port(23140),
    "PODS_PROMETHEUS_PORT": _port(23150),
    "PODS_ALERTMANAGER_PORT": _port(23160),
    "PODS_GRAFANA_PORT": Trial("23170", "23171", live="", where="tests/unit/compose/render/test_optional_services.py"),
    "PODS_GRAFANA": Trial("off", "auto"),
    "PODS_CONTAINER_METRICS": Trial("on", "off"),
    "PODS_SCRAPE_INTERVAL": Trial("5", "20"),
    "PODS_METRICS_DATABASES": Trial("1", "200", "services"),
    "PODS_METRICS_DAYS": Trial("1", "3650"),
    "PODS_REPORT": Trial("off", "weekly"),
    "PODS_METRICS_SIZE": Trial("64MB", "1024TB"),
    "PODS_HEALTH": Trial("on", "off"),
    "PODS_HEALTH_BIND": Trial("127.0.0.1", "127.0.0.3"),
    "PODS_HEALTH_PORT": _port(23180),
    "PODS_HEALTH_AUTH": Trial("on", "off", "services"),
    "PODS_HEALTH_TLS": Trial("on", "off"),
    "PODS_HEALTH_TLS_NAMES": Trial("health.example", "", "services"),
    "PODS_HEALTH_LAG": Trial("1MB", "1024TB", "services"),
    "PODS_READ_LAG": Trial("0", "86400", "services"),
    "PODS_HEALTH_SILENCE": Trial("20", "3600", "services"),
    "PODS_HEALTH_WAIT": Trial("1", "3600", "services"),
    "PODS_ALERT_TO": Trial("webhook:http://127.0.0.1:9/a", "ntfy:http://127.0.0.1:9/pods"),
    "PODS_ALERT_SMTP": Trial("smtp.example.com:465", "127.0.0.1", "files", "", _ALERTS, _MAIL),
    "PODS_ALERT_FROM": Trial("pods@example.com", "db@example.net", "files", "", _ALERTS, _MAIL),
    "PODS_ALERT_SMTP_USER": Trial("pods", "", "files", "", _ALERTS, _MAIL),
    "PODS_ALERT_SMTP_TLS": Trial("on", "off", "files", "", _ALERTS, _MAIL),
    "PODS_ALERT_WATCHDOG": Trial("on", "off", "files", "", _ALERTS),
    "PODS_BACKUP": Trial("on", "off"),
    "BACKUP_SCHEDULE": Trial("*/5 * * * *", "0 2 L * *", "services"),
    "BACKUP_FULL_SCHEDULE": Trial("0 3 * * MON", "0 2 29 2 *", "services"),
    "BACKUP_DRILL_SCHEDULE": Trial("off", "30 4 * * 5L", "services"),
    "BACKUP_TIME_ZONE": Trial("Europe/Kiev", "US/Eastern", "services"),
    "BACKUP_RETENTION_DAYS": Trial("0", "36500", "services"),
    "BACKUP_RETENTION_COUNT": Trial("1", "10000", "services"),
    "BACKUP_RETENTION_DAILY": Trial("1", "10000", "services"),
    "BACKUP_RETENTION_WEEKLY": Trial("1", "10000", "services"),
    "BACKUP_RETENTION_MONTHLY": Trial("1", "10000", "services"),
    "BACKUP_RETENTION_YEARLY": Trial("1", "10000", "services"),
    "BACKUP_RETENTION_MINIMUM": Trial("1", "10000", "services"),
    "BACKUP_INCREMENTAL": Trial("auto", "always", "services"),
    "BACKUP_STORES": Trial("local", "auto", "services"),
    "BACKUP_DIRECTORY": Trial("/srv/one", "/srv/other", live="", where="tests/integration/backed_up/test_86_backup.py"),
    "BACKUP_TAIL_SECONDS": Trial("1", "3600", "services"),
    "BACKUP_SPOOL": Trial("256MB", "1TB", "services"),
    "BACKUP_LEVEL": Trial("1", "19", "services"),
    "BACKUP_WORKERS": Trial("0", "64", "services"),
    "BACKUP_RATE": Trial("0", "1048576", "services"),
    "BACKUP_ENCRYPTION": Trial("on", "off"),
    "BACKUP_PLAIN_HTTP": _s3("on", "off"),
    "AWS_S3_BUCKET": _s3("kept", "kept.elsewhere"),
    "AWS_S3_PREFIX": _s3("a/b", "c/"),
    "AWS_ACCESS_KEY_ID": Trial("AKIA1", "AKIA2", "up", "", "tests/unit/compose/home/test_passwords.py", _S3),
    "AWS_SECRET_ACCESS_KEY": Trial("one", "other", "up", "", "tests/unit/compose/home/test_passwords.py", _S3),
    "AWS_REGION": _s3("eu-central-1", "us-east-1"),
    "AWS_ENDPOINT_URL": _s3("https://store.example", "https://other.example:9000"),
    "AWS_CA_BUNDLE": _s3(_FILE, ""),
    "AWS_S3_ENCRYPTION": _s3("AES256", "aws:kms"),
    "AWS_S3_KMS_KEY": _s3("alias/one", "alias/other"),
    "PODS_IMAGES": _image("debian", "registry"),
    "PODS_REGISTRY": _image("registry.example:5000/library/", "", "tests/unit/compose/engine/test_base_image.py"),
    "PODS_DEBIAN_SUITE": _image("forky", "trixie"),
    "PODS_DEBIAN_MIRROR": _image("http://mirror.example/debian", ""),
    "PODS_STALE_MIRROR": _image("true", "false", "tests/unit/compose/engine/test_apt.py"),
    "PODS_BUILD_CA": _image(_FILE, ""),
    "PODS_PROXY": _image("http://proxy.example:3128", ""),
    "PODS_START_TIMEOUT": Trial("120", "240", "up"),
    "PODS_STOP_GRACE": Trial("20", "40"),
}
