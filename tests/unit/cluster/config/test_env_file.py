import itertools
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.config.env_file import (
    PROJECT_ROOT,
    SETTINGS,
    VARIABLES,
    example_env,
    fixed_ports,
    home_directory,
    load_settings,
    origin_notes,
    retired_in_file,
    secrets_in_file,
    services_env,
    settings_reference,
    shown,
    variable_of,
)
from cluster.config.settings import Settings
from cluster.errors import UsageError
from cluster.http.pages import pages
from tests.fix_settings import settings_of


def _from_env(home: Path, text: str | bytes, **environ: str) -> Settings:
    (home / ".env").write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_settings(home, environ)


def _refusal(home: Path, text: str | bytes, **environ: str) -> UsageError:
    with pytest.raises(UsageError) as refusal:
        _from_env(home, text, **environ)
    return refusal.value


def test_without_env_and_environment_the_defaults_hold(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {})
    assert (settings.project, settings.database, settings.user, settings.replicas) == ("pods", "appdb", "app", 2)
    assert (settings.primary_port, settings.replica_port, settings.pgbouncer_port) == (5440, 5433, 6432)
    assert settings.bind == "127.0.0.1"
    assert settings.clients == ("samenet",)
    assert settings.tls_names == ()
    assert settings.shared_buffers is None


def test_an_empty_env_changes_nothing(tmp_path: Path) -> None:
    assert _from_env(tmp_path, "") == load_settings(tmp_path / "elsewhere", {})


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("PODS_REPLICAS=0", "replicas", 0),
        ("PODS_REPLICAS = 3", "replicas", 3),
        ("export PODS_REPLICAS=3", "replicas", 3),
        ("PODS_REPLICAS=3 # three", "replicas", 3),
        ("  PODS_REPLICAS=3", "replicas", 3),
        ("PODS_REPLICAS='3'", "replicas", 3),
        ('PODS_REPLICAS="3"', "replicas", 3),
        ('PODS_DATABASE="shop" # the shop', "database", "shop"),
        ("PODS_PROXY=http://proxy.example:3128/#part", "proxy", "http://proxy.example:3128/#part"),
        ("PODS_PROXY=", "proxy", ""),
        ("PODS_PROXY= # none", "proxy", ""),
        ("PODS_SHARED_BUFFERS=512MB", "shared_buffers", 512 << 20),
        ("PODS_SHARED_BUFFERS='1 GB'", "shared_buffers", 1 << 30),
        ("PODS_SHARED_BUFFERS=auto", "shared_buffers", None),
        ("PODS_POOL_SIZE=7", "pool_size", 7),
        ("PODS_POOL_SIZE=auto", "pool_size", None),
        ("PODS_POOL_RESET=off", "pool_reset", "off"),
        ("PODS_POOL_IDLE_TRANSACTION=0", "pool_idle_transaction", 0),
        ("PODS_BIND=0.0.0.0", "bind", "0.0.0.0"),
        ("PODS_CLIENTS=10.0.0.0/8, 2001:db8::/32,samenet", "clients", ("10.0.0.0/8", "2001:db8::/32", "samenet")),
        ("PODS_CLIENTS=192.0.2.7", "clients", ("192.0.2.7/32",)),
        ("PODS_CLIENTS=all", "clients", ("all",)),
        ("PODS_EXTENSIONS=postgis, cron,,cron", "extensions", ("cron", "postgis")),
        ("PODS_TLS_NAMES=db.example.org, 192.0.2.7", "tls_names", ("db.example.org", "192.0.2.7")),
        ("PODS_TLS_NAMES=2001:db8::7", "tls_names", ("2001:db8::7",)),
    ],
)
def test_a_line_of_env_sets_a_value(tmp_path: Path, line: str, name: str, value: object) -> None:
    assert getattr(_from_env(tmp_path, line + "\n"), name) == value


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("PODS_PROJECT=../evil", "at most 31"),
        ("PODS_PROJECT=Pods", "at most 31"),
        (f"PODS_PROJECT={'p' * 32}", "at most 31"),
        ("PODS_DATABASE=app-db", "a-z, 0-9 and _"),
        ("PODS_DATABASE='x; DROP TABLE y'", "a-z, 0-9 and _"),
        ("PODS_DATABASE=", "a-z, 0-9 and _"),
        ('PODS_DATABASE="a\\nb"', "a-z, 0-9 and _"),
        ("PODS_USER=1app", "a-z, 0-9 and _"),
        ("PODS_USER=Ärger", "a-z, 0-9 and _"),
        ("PODS_REPLICAS=-1", "from 0 to 30"),
        ("PODS_REPLICAS=31", "from 0 to 30"),
        ("PODS_REPLICAS=two", "from 0 to 30"),
        ("PODS_REPLICAS=1.5", "from 0 to 30"),
        ("PODS_REPLICAS=1e1", "from 0 to 30"),
        ("PODS_REPLICAS=", "from 0 to 30"),
        ("PODS_BIND=localhost", "IPv4 address"),
        ("PODS_BIND=256.0.0.1", "IPv4 address"),
        ("PODS_PRIMARY_PORT=0", "from 1 to 65535"),
        ("PODS_REPLICA_PORT=65536", "from 1 to 65535"),
        ("PODS_PGBOUNCER_PORT=http", "from 1 to 65535"),
        ("PODS_EXTENSIONS=pgvektor", "near 'pgvektor' there are: pgvector"),
        ("PODS_EXTENSIONS=vector,cron", "the word for the extension vector is pgvector"),
        ("PODS_EXTENSIONS=pg_trgm", "own need no word"),
        ("PODS_EXTENSIONS=oracle", "docs/reference/extensions.md"),
        ("PODS_CLIENTS=10.0.0.0/33", "10.0.0.0/8"),
        ("PODS_CLIENTS=everyone", "10.0.0.0/8"),
        ("PODS_CLIENTS=samenet trust", "10.0.0.0/8"),
        ("PODS_TLS_NAMES=db example", "host names or addresses"),
        ("PODS_TLS_NAMES=a/b", "host names or addresses"),
        ("PODS_MAX_CONNECTIONS=24", "from 25 to 10000"),
        ("PODS_MAX_CONNECTIONS=10001", "from 25 to 10000"),
        ("PODS_SHARED_BUFFERS=1MB", "at least 16MB"),
        ("PODS_SHARED_BUFFERS=big", "512MB"),
        ("PODS_WORK_MEM=1kB", "at least 1MB"),
        ("PODS_MAINTENANCE_WORK_MEM=-1", "512MB"),
        ("PODS_MAX_WAL_SIZE=32MB", "at least 64MB"),
        ("PODS_WAL_BUDGET=1MB", "at least 128MB"),
        ("PODS_SYNC=on", "any:N or first:N"),
        ("PODS_SYNC=any:0", "any:N or first:N"),
        ("PODS_SYNC=all:1", "any:N or first:N"),
        ("PODS_SYNC='any:1 (x)'", "any:N or first:N"),
        ("PODS_SYNC=any:1\u0663", "any:N or first:N"),
        ("PODS_IO_METHOD=uring", "io_uring, worker, sync"),
        ("BACKUP_INCREMENTAL=off", "auto, always"),
        ("PODS_MAX_CLIENTS=9", "from 10 to 100000"),
        ("PODS_POOL_SIZE=0", "from 1 to 10000"),
        ("PODS_POOL_RESET=yes", "on, off"),
        ("PODS_POOL_IDLE_TRANSACTION=5min", "from 0 to 86400"),
        ("PODS_READ_LAG=-1", "from 0 to 86400"),
        ("PODS_MONITORING=true", "on, off"),
        ("PODS_WEB_BIND=::1", "IPv4 address"),
        ("PODS_EXPORTER_PORT=0", "from 1 to 65535"),
        ("PODS_PROMETHEUS_PORT=65536", "from 1 to 65535"),
        ("PODS_ALERTMANAGER_PORT=", "from 1 to 65535"),
        ("PODS_GRAFANA_PORT=http", "from 1 to 65535"),
        ("PODS_GRAFANA=maybe", "auto, on, off"),
        ("PODS_CONTAINER_METRICS=auto", "on, off"),
        ("PODS_WEB_TLS=yes", "auto, on, off"),
        ("PODS_WEB_TLS_NAMES=a b", "commas"),
        ("PODS_HEALTH_BIND=::1", "IPv4"),
        ("PODS_HEALTH_TLS_NAMES=a b", "commas"),
        ("PODS_UNPROTECTED=everything", "health, web"),
        ("PODS_NODE_EGRESS=yes", "on, off"),
        ("PODS_SCRAPE_INTERVAL=1", "from 3 to 300"),
        ("PODS_METRICS_DAYS=0", "from 1 to 3650"),
        ("PODS_REPORT=daily", "off, weekly"),
        ("PODS_METRICS_DATABASES=201", "from 1 to 200"),
        ("PODS_METRICS_SIZE=auto", "512MB"),
        ("PODS_HEALTH=1", "on, off"),
        ("PODS_HEALTH_PORT=70000", "from 1 to 65535"),
        ("PODS_HEALTH_AUTH=basic", "on, off"),
        ("PODS_HEALTH_TLS=true", "on, off"),
        ("PODS_HEALTH_LAG=1kB", "at least 1MB"),
        ("PODS_FAILOVER=always", "manual, auto"),
        ("PODS_FAILOVER_AFTER=1", "from 2"),
        ("PODS_FAILOVER_LOSS=some", "whole number"),
        ("PODS_FAILOVER_INTERVAL=-1", "from 0"),
        ("PODS_FAILOVER_PACE=slow", "fast"),
        ("PODS_FAILSAFE=perhaps", "on"),
        ("PODS_LOG=csv", "text, json"),
        ("PODS_LOG_DAYS=0", "from 1"),
        ("PODS_LOG_SIZE=1kB", "1MB"),
        ("PODS_AUDIT=on", "off, ddl, write, all"),
        ("PODS_AUDIT_DAYS=0", "from 1"),
        ("PODS_AUDIT_SIZE=0", "1MB"),
        ("PODS_HEALTH_SILENCE=19", "from 20 to 3600"),
        ("PODS_HEALTH_WAIT=0", "from 1 to 3600"),
        ("PODS_ALERT_TO=pager:me", "no kind of receiver"),
        ("PODS_ALERT_TO=mailto:me", "mailto wants an address"),
        ("PODS_ALERT_TO=discord:https://discord.example/api/webhooks/1/secret", "its address is a file"),
        ("PODS_ALERT_TO=webhook:https://me:secret@example.com/", "without a password"),
        ("PODS_ALERT_TO=webhook:https://example.com/{{.X}}", "without a password"),
        ("PODS_ALERT_TO=ntfy:https://ntfy.example.com/", "server and topic"),
        ("PODS_ALERT_TO=telegram:@channel", "the number of a chat"),
        ("PODS_ALERT_TO=telegram:9223372036854775808", "the number of a chat"),
        ("PODS_ALERT_TO=slack:Ops Team", "nothing, #channel"),
        ("PODS_ALERT_SMTP=smtp.example.com:0", "use HOST:PORT"),
        ("PODS_ALERT_FROM=PODS <pods@example.com>", "use an address"),
        ("PODS_ALERT_SMTP_USER=a b", "without spaces"),
        ("PODS_ALERT_SMTP_TLS=auto", "on, off"),
        ("PODS_ALERT_WATCHDOG=https://hc.example/x", "on, off"),
        ("PODS_BACKUP=yes", "on, off"),
        ("BACKUP_SCHEDULE=daily", "0 2 * * *"),
        ("BACKUP_FULL_SCHEDULE='0 2 * *'", "0 2 * * *"),
        ("BACKUP_DRILL_SCHEDULE=never", "0 2 * * *"),
        ("BACKUP_TIME_ZONE=Mars/Olympus", "Europe/Berlin"),
        ("BACKUP_RETENTION_DAYS=-1", "from 0 to 36500"),
        ("BACKUP_RETENTION_COUNT=many", "from 0 to 10000"),
        ("BACKUP_RETENTION_DAILY=10001", "from 0 to 10000"),
        ("BACKUP_RETENTION_WEEKLY=1.5", "from 0 to 10000"),
        ("BACKUP_RETENTION_MONTHLY=", "from 0 to 10000"),
        ("BACKUP_RETENTION_YEARLY=x", "from 0 to 10000"),
        ("BACKUP_RETENTION_MINIMUM=0", "from 1 to 10000"),
        ("BACKUP_STORES=s3,local", "auto, local, s3"),
        ("BACKUP_DIRECTORY=backups", "absolute path"),
        ("BACKUP_TAIL_SECONDS=0", "from 1 to 3600"),
        ("BACKUP_SPOOL=1MB", "at least 256MB"),
        ("BACKUP_LEVEL=20", "from 1 to 19"),
        ("BACKUP_WORKERS=65", "from 0 to 64"),
        ("BACKUP_RATE=-1", "from 0 to 1048576"),
        ("BACKUP_ENCRYPTION=true", "on, off"),
        ("AWS_S3_BUCKET='a b'", "a bucket's name"),
        ("AWS_S3_PREFIX='a b'", "one / between"),
        ("AWS_ACCESS_KEY_ID='a b'", "without spaces"),
        ("AWS_SECRET_ACCESS_KEY='a b'", "without spaces"),
        ("AWS_REGION='a b'", "a region's name"),
        ("AWS_CA_BUNDLE=ca.pem", "absolute path"),
        ("AWS_S3_ENCRYPTION=rot13", "AES256, aws:kms"),
        ("AWS_S3_KMS_KEY='a b'", "without spaces"),
        ("AWS_ENDPOINT_URL='a b'", "use https://HOST"),
        ("BACKUP_PLAIN_HTTP=maybe", "on, off"),
        ("PODS_IMAGES=alpine", "registry, debian"),
        ("PODS_REGISTRY='a b'", "without spaces"),
        ("PODS_DEBIAN_SUITE=12", "suite"),
        ("PODS_DEBIAN_SUITE=sid/../x", "suite"),
        ("PODS_DEBIAN_MIRROR='http://a b'", "without spaces"),
        ("PODS_STALE_MIRROR=yes", "auto, true, false"),
        ("PODS_BUILD_CA=/no/such/file", "no such file"),
        ("PODS_PROXY='http://a b'", "without spaces"),
        ("PODS_START_TIMEOUT=1", "from 5 to 86400"),
        ("PODS_STOP_GRACE=3601", "from 5 to 3600"),
    ],
)
def test_a_bad_value_is_refused_with_its_name_its_place_and_the_rule(tmp_path: Path, line: str, rule: str) -> None:
    refusal = _refusal(tmp_path, f"# one\n\n{line}\n")
    assert line.split("=")[0] in refusal.message
    assert ".env line 3" in refusal.message
    assert rule in refusal.hint


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "PODS_PROXY"])
def test_a_bad_key_is_refused_without_being_shown(tmp_path: Path, name: str) -> None:
    refusal = _refusal(tmp_path, f"{name}='precious wJalrXUtn'\n")
    assert refusal.message == f"{name} is not valid (.env line 1)"
    assert "wJalrXUtn" not in refusal.hint


def test_half_a_key_on_a_line_of_its_own_is_refused_without_being_shown(tmp_path: Path) -> None:
    refusal = _refusal(tmp_path, "AWS_SECRET_ACCESS_KEY=precious\nwJalrXUtn\n")
    assert refusal.message == ".env line 2 is not a setting"
    assert "wJalrXUtn" not in refusal.hint


def test_what_a_file_keeps_secret_is_known(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "AWS_REGION=x\nAWS_ACCESS_KEY_ID=\nAWS_SECRET_ACCESS_KEY=precious\n", encoding="utf-8"
    )
    assert secrets_in_file(tmp_path) == ["AWS_SECRET_ACCESS_KEY"]
    assert secrets_in_file(tmp_path / "elsewhere") == []


def test_every_setting_has_a_bad_value_in_the_table_above() -> None:
    table = test_a_bad_value_is_refused_with_its_name_its_place_and_the_rule.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {line.split("=")[0] for line, _ in table} == set(VARIABLES)


@pytest.mark.parametrize(
    ("before", "line"),
    [
        ("", 1),
        ("\n", 2),
        ("\n\n\n", 4),
        ("# a comment\n", 2),
        ("# a comment\n\n   \n\t\n# another\n", 6),
        ("PODS_USER=me\n", 2),
        ("PODS_USER=me # with a comment\n\n", 3),
        ("PODS_USER=me\r\n\r\n# Windows\r\n", 4),
        ("PODS_PROXY='\n\n'\n", 4),
    ],
)
def test_the_line_number_is_right_after_whatever_comes_before(tmp_path: Path, before: str, line: int) -> None:
    refusal = _refusal(tmp_path, before + "PODS_REPLICAS=many\n")
    assert f"(.env line {line})" in refusal.message


@given(st.lists(st.sampled_from(["", "# comment", "  ", "PODS_USER=me", "export PODS_DATABASE=shop"]), max_size=12))
def test_the_line_number_is_right_always(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    refusal = _refusal(tmp_path_factory.getbasetemp(), "\n".join([*lines, "PODS_REPLICAS=many"]))
    assert f"(.env line {len(lines) + 1})" in refusal.message


def test_an_unknown_setting_is_refused_with_the_one_that_was_meant(tmp_path: Path) -> None:
    refusal = _refusal(tmp_path, "PODS_REPLICA=3\n")
    assert refusal.message == "unknown setting PODS_REPLICA (.env line 1)"
    assert refusal.hint == "did you mean PODS_REPLICAS?"


def test_an_unknown_setting_that_resembles_none_leads_to_the_reference(tmp_path: Path) -> None:
    assert "docs/reference/settings.md" in _refusal(tmp_path, "COLOUR=blue\n").hint


def test_the_environment_wins_over_env(tmp_path: Path) -> None:
    settings = _from_env(tmp_path, "PODS_REPLICAS=1\nPODS_USER=me\n", PODS_REPLICAS="4")
    assert (settings.replicas, settings.user) == (4, "me")


def test_names_of_other_programs_in_the_environment_do_not_win_over_env(tmp_path: Path) -> None:
    """Shells, CI and AWS' own tools export them: another account's keys must not get into a cluster by that."""
    environ = {"AWS_CA_BUNDLE": "/etc/other.pem", "AWS_REGION": "eu-north-1", "BACKUP_LEVEL": "9"}
    settings = _from_env(tmp_path, "AWS_CA_BUNDLE=\nAWS_REGION=eu-west-1\n", **environ)
    assert (settings.s3_ca, settings.s3_region, settings.backup_level) == ("", "eu-west-1", 9)
    assert origin_notes(tmp_path, environ) == [
        "AWS_CA_BUNDLE is from .env; the environment has another one",
        "AWS_REGION is from .env; the environment has another one",
        "BACKUP_LEVEL is from the environment",
    ]
    assert origin_notes(tmp_path, environ, s3=False) == ["BACKUP_LEVEL is from the environment"]


@given(st.dictionaries(st.sampled_from(sorted(VARIABLES)), st.just("x"), max_size=5), st.booleans())
def test_what_the_environment_has_a_say_in_is_told_without_a_value(environ: dict[str, str], same: bool) -> None:
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        (home / ".env").write_text("".join(f"{name}={'x' if same else 'y'}\n" for name in environ))
        notes = origin_notes(home, environ)
    assert len(notes) == (0 if same else len(environ))
    for name, note in zip(sorted(environ), notes, strict=False):
        assert note.startswith(name)
        assert note.endswith(_source(name))


def _source(name: str) -> str:
    return ", not from .env" if name.startswith("PODS_") else "from .env; the environment has another one"


def test_a_bad_value_in_the_environment_is_placed_there(tmp_path: Path) -> None:
    refusal = _refusal(tmp_path, "PODS_REPLICAS=1\n", PODS_REPLICAS="many")
    assert "PODS_REPLICAS='many'" in refusal.message
    assert "(environment)" in refusal.message


def test_an_unknown_setting_in_the_environment_is_refused(tmp_path: Path) -> None:
    assert _refusal(tmp_path, "", PODS_X="1").message == "unknown setting PODS_X (environment)"


def test_other_variables_of_the_environment_are_not_ours(tmp_path: Path) -> None:
    assert _from_env(tmp_path, "", PATH="/bin", PGPASSWORD="x", PODS_HOME="/elsewhere") == load_settings(tmp_path, {})


def test_compose_s_own_variables_in_env_are_left_to_compose(tmp_path: Path) -> None:
    assert _from_env(tmp_path, "COMPOSE_PROJECT_NAME=x\nPODS_REPLICAS=1\n").replicas == 1


@pytest.mark.parametrize(
    "line",
    [
        "this is no setting",
        'PODS_DATABASE="shop',
        "PODS_DATABASE='shop",
        'PODS_DATABASE="shop"x',
        "=3",
        "PODS_PROXY",  # no value, not even an empty one
    ],
)
def test_a_malformed_line_is_refused_with_its_number(tmp_path: Path, line: str) -> None:
    refusal = _refusal(tmp_path, f"# first\n\n{line}\n")
    assert ".env line 3" in refusal.message


def test_an_env_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    refusal = _refusal(tmp_path, b"PODS_USER=J\xe9r\xf4me\n")
    assert ".env" in refusal.message
    assert "UTF-8" in refusal.hint


def test_an_env_that_is_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(UsageError, match=r"\.env cannot be read"):
        load_settings(tmp_path, {})


def test_the_last_of_two_lines_for_one_setting_wins(tmp_path: Path) -> None:
    assert _from_env(tmp_path, "PODS_REPLICAS=1\nPODS_REPLICAS=4\n").replicas == 4


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("primary_port", "pgbouncer_port"),
        ("primary_port", "replica_port"),
        ("replica_port", "pgbouncer_port"),
    ],
)
def test_two_equal_ports_are_refused_naming_both(one: str, other: str) -> None:
    with pytest.raises(UsageError) as refusal:
        settings_of(**{one: "7000", other: "7000"})
    assert variable_of(one) in refusal.value.message
    assert variable_of(other) in refusal.value.message
    assert "7000" in refusal.value.message


PORTS = ("primary", "pgbouncer", "exporter", "prometheus", "alertmanager", "grafana", "health")


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(PORTS, 2)))
def test_no_two_services_that_run_share_a_port(one: str, other: str) -> None:
    with pytest.raises(UsageError) as refusal:
        settings_of(**{f"{one}_port": "7000", f"{other}_port": "7000"})
    assert f"PODS_{one.upper()}_PORT" in refusal.value.message
    assert f"PODS_{other.upper()}_PORT" in refusal.value.message


@pytest.mark.parametrize(
    ("texts", "gone"),
    [
        ({}, set()),
        ({"grafana": "off"}, {"grafana_port"}),
        ({"health": "off"}, {"health_port"}),
        ({"monitoring": "off"}, {f"{name}_port" for name in PORTS[2:6]}),
    ],
)
def test_a_service_that_does_not_run_takes_no_port(texts: dict[str, str], gone: set[str]) -> None:
    ports = fixed_ports(settings_of(**texts))
    assert set(ports) == {f"{name}_port" for name in PORTS} - gone
    assert settings_of(**texts, **dict.fromkeys(gone, "5440")).primary_port == 5440


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "database": st.sampled_from(["shop", "a_b"]),
            "bind": st.sampled_from(["127.0.0.1", "0.0.0.0", "192.0.2.7"]),
            "clients": st.sampled_from(["", "all", "10.0.0.0/8, 2001:db8::/32", "samenet"]),
            "tls_names": st.sampled_from(["", "db.example.org,192.0.2.7", "2001:db8::7"]),
            "shared_buffers": st.sampled_from(["auto", "16MB", "1 GB", "123457kB"]),
            "pool_size": st.sampled_from(["auto", "7"]),
            "metrics_size": st.integers(64 << 10, 1 << 30).map(lambda kilobytes: f"{kilobytes}kB"),
            "health_lag": st.integers(1, 1 << 20).map(lambda megabytes: f"{megabytes}MB"),
            "sync": st.sampled_from(["off", "any:1", "first:2"]),
            "stop_grace": st.integers(5, 3600).map(str),
        },
    )
)
def test_a_service_reads_the_settings_that_were_written_for_it(
    tmp_path_factory: pytest.TempPathFactory, texts: dict[str, str]
) -> None:
    settings = settings_of(**texts)
    assert _from_env(tmp_path_factory.getbasetemp(), services_env(settings)) == settings


def test_a_service_is_not_told_how_images_are_made(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    text = services_env(
        settings_of(build_ca=str(tmp_path / "ca.pem"), proxy="http://user:secret@proxy", images="debian")
    )
    assert not re.search("secret|ca.pem|IMAGES|REGISTRY|MIRROR|BUILD|PROXY", text)


def test_without_replicas_their_port_is_in_nobody_s_way() -> None:
    assert settings_of(replicas="0", replica_port="5440").replica_port == 5440


@pytest.mark.parametrize(
    "user", ["postgres", "replicator", "monitor", "pooler", "pods_admin", "pg_monitor", "pg_x", "public", "none"]
)
def test_a_role_of_the_cluster_or_of_postgresql_cannot_be_the_application_s(user: str) -> None:
    with pytest.raises(UsageError, match="PODS_USER"):
        settings_of(user=user)


@pytest.mark.parametrize(
    "database",
    ["postgres", "template0", "template1", "pgbouncer", "replication", "all", "sameuser", "samerole", "samegroup"],
)
def test_a_database_name_that_means_something_else_is_refused(database: str) -> None:
    with pytest.raises(UsageError, match="PODS_DATABASE"):
        settings_of(database=database)


@given(
    st.sampled_from(sorted(VARIABLES)),
    st.one_of(st.text(max_size=30), st.from_regex(r"[0-9]{1,6}( ?[kMGT]B)?", fullmatch=True)),
)
def test_every_value_is_taken_or_refused_in_our_own_words(variable: str, text: str) -> None:
    refusal = _refusal_of({variable: text})
    assert refusal is None or (variable in refusal.message and refusal.hint)


def _refusal_of(environ: dict[str, str]) -> UsageError | None:
    try:
        load_settings(Path("/nonexistent"), environ)
    except UsageError as refusal:
        return refusal
    return None


def test_the_example_is_all_comments(tmp_path: Path) -> None:
    assert all(line == "" or line.startswith("#") for line in example_env().splitlines())
    assert _from_env(tmp_path, example_env()) == load_settings(tmp_path / "elsewhere", {})


def test_the_example_uncommented_gives_the_defaults(tmp_path: Path) -> None:
    uncommented = re.sub(r"^#([A-Z]\w+=)", r"\1", example_env(), flags=re.MULTILINE)
    assert len(re.findall(r"^[A-Z]\w+=", uncommented, flags=re.MULTILINE)) == len(VARIABLES)
    assert _from_env(tmp_path, uncommented) == load_settings(tmp_path / "elsewhere", {})


def test_every_setting_is_in_the_reference_once_with_its_help() -> None:
    rows = [line for line in settings_reference().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == list(VARIABLES)
    for declared, row in zip(SETTINGS, rows, strict=True):
        assert declared.metadata["help"] in row


def test_every_help_is_one_sentence_without_a_column_separator() -> None:
    for declared in SETTINGS:
        text = declared.metadata["help"]
        assert text.endswith(".")
        assert "|" not in text
        assert "\n" not in text


@pytest.mark.parametrize(("value", "text"), [(None, "auto"), (("a", "b"), "a,b"), ((), ""), (5440, "5440"), ("x", "x")])
def test_a_value_is_shown_as_it_is_written_in_env(value: object, text: str) -> None:
    assert shown(value) == text


def test_the_home_is_the_project_s_folder_unless_said_otherwise(tmp_path: Path) -> None:
    assert home_directory({}) == PROJECT_ROOT
    assert home_directory({"PODS_HOME": ""}) == PROJECT_ROOT
    assert home_directory({"PODS_HOME": str(tmp_path)}) == tmp_path.resolve()


S3 = {"AWS_S3_BUCKET": "b"}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"AWS_ENDPOINT_URL": "https://s3.example.org"},
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:9000"},
        {"AWS_ENDPOINT_URL": "http://[::1]:9000"},
        {"AWS_ENDPOINT_URL": "http://localhost:9000"},
        {"AWS_ENDPOINT_URL": "http://s3.example.org", "BACKUP_ENCRYPTION": "on"},
        {"AWS_ENDPOINT_URL": "http://s3.example.org", "BACKUP_PLAIN_HTTP": "on"},
        {"AWS_ENDPOINT_URL": "http://s3.example.org", "BACKUP_STORES": "local"},
        {"AWS_ENDPOINT_URL": "http://s3.example.org", "PODS_BACKUP": "off"},
    ],
)
def test_backups_may_go_where_nobody_reads_them_on_the_way(tmp_path: Path, given: dict[str, str]) -> None:
    assert load_settings(tmp_path, S3 | given).s3_bucket == "b"


@pytest.mark.parametrize("stores", ["auto", "s3", "local,s3"])
@pytest.mark.parametrize(
    "address",
    [
        "http://s3.example.org",
        "HTTP://s3.example.org:9000/",
        "http://192.0.2.1:9000",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org",
        "http://localhost@example.org",
        "http://user:swordfish@example.org",
    ],
)
def test_backups_do_not_go_in_clear_over_a_network_without_a_word(tmp_path: Path, stores: str, address: str) -> None:
    with pytest.raises(UsageError) as refusal:
        load_settings(tmp_path, S3 | {"AWS_ENDPOINT_URL": address, "BACKUP_STORES": stores})
    assert "BACKUP_PLAIN_HTTP=on" in refusal.value.hint
    assert "swordfish" not in refusal.value.message


@pytest.mark.parametrize("address", ["http://[::1", "s3.example.org", "ftp://s3.example.org"])
def test_an_address_that_is_none_of_the_web_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(UsageError, match="AWS_ENDPOINT_URL"):
        load_settings(tmp_path, S3 | {"AWS_ENDPOINT_URL": address})


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ({"web_bind": "192.0.2.7"}, "PODS_HEALTH_BIND=192.0.2.7"),
        ({"web_bind": "0.0.0.0", "monitoring": "off"}, "PODS_HEALTH_BIND=127.0.0.1"),
        ({"web_bind": "192.0.2.7", "health_bind": "127.0.0.1", "web_tls": "off"}, "PODS_UNPROTECTED=web"),
        ({"web_bind": "192.0.2.7", "health": "off", "web_tls": "off", "unprotected": "health"}, "PODS_UNPROTECTED=web"),
        ({"health_bind": "192.0.2.7"}, "PODS_UNPROTECTED=health"),
        ({"health_bind": "0.0.0.0", "health_auth": "on"}, "PODS_HEALTH_TLS=on"),
        ({"health_bind": "0.0.0.0", "health_tls": "on"}, "PODS_HEALTH_AUTH=on"),
    ],
)
def test_what_others_reach_wants_password_and_tls_or_a_word(texts: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError) as refusal:
        settings_of(**texts)
    assert told in refusal.value.hint


@pytest.mark.parametrize(
    "texts",
    [
        {"web_bind": "127.0.0.2", "web_tls": "off"},
        {"web_bind": "192.0.2.7", "health_bind": "127.0.0.1"},
        {"web_bind": "192.0.2.7", "health_bind": "127.0.0.1", "web_tls": "off", "unprotected": "web"},
        {"health_bind": "192.0.2.7", "health_auth": "on", "health_tls": "on"},
        {"health_bind": "192.0.2.7", "unprotected": "health"},
        {"web_bind": "192.0.2.7", "monitoring": "off", "health": "off", "web_tls": "off"},
    ],
)
def test_what_is_protected_or_said_is_taken(texts: dict[str, str]) -> None:
    settings_of(**texts)


@pytest.mark.parametrize(
    ("texts", "urls"),
    [
        ({}, ("http://127.0.0.1:8080/", "http://127.0.0.1:9090/")),
        ({"web_bind": "127.0.0.3"}, ("http://127.0.0.3:8080/", "http://127.0.0.3:9090/")),
        ({"web_bind": "0.0.0.0", "health_bind": "127.0.0.1"}, ("http://127.0.0.1:8080/", "https://127.0.0.1:9090/")),
        ({"health_tls": "on"}, ("https://127.0.0.1:8080/", "http://127.0.0.1:9090/")),
        ({"web_tls": "on"}, ("http://127.0.0.1:8080/", "https://127.0.0.1:9090/")),
    ],
)
def test_health_listens_with_the_others_while_they_are_on_loopback(
    texts: dict[str, str], urls: tuple[str, ...]
) -> None:
    shown = pages(settings_of(**texts))
    assert (shown["health"].url, shown["prometheus"].url) == urls


def test_a_setting_of_an_earlier_version_still_holds_and_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PODS_CADVISOR=on\nPODS_REPLICAS=1\n", encoding="utf-8")
    assert load_settings(tmp_path, {}).replicas == 1
    assert retired_in_file(tmp_path) == ["PODS_CADVISOR"]
