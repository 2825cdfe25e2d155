"""Manifests for CloudNativePG, held against the operator's own definitions (tests/cnpg/crds)."""

import gzip
import re
import shlex
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from cluster.config.env_file import PROJECT_ROOT, load_settings
from cluster.config.settings import Settings
from cluster.errors import UsageError
from cluster.postgres.parameter_file import parameters
from cluster.sizing import derive
from compose.render.kubernetes.manifests import ExportRequest, kubernetes_name, manifest_text, manifests
from compose.render.kubernetes.operator_parameters import pooler_parameters, preloaded, server_parameters
from compose.render.kubernetes.operator_schedule import six_fields
from compose.render.kubernetes.secrets_script import secrets_script
from compose.render.pgbouncer_ini import pgbouncer_ini
from compose.render.postgresql_conf import postgresql_conf
from tests.fix_settings import topology_of

CRDS = PROJECT_ROOT / "tests" / "cnpg" / "crds"
S3 = {
    "AWS_S3_BUCKET": "kept",
    "BACKUP_STORES": "local,s3",
    "AWS_ENDPOINT_URL": "https://s3.example",
    "AWS_S3_PREFIX": "pods",
}


def _settings(chosen: dict[str, str]) -> Settings:
    return load_settings(Path("/nonexistent"), chosen)


def _closed(schema: Any) -> Any:
    """Kubernetes drops a field that a definition does not know; here it is an error."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "x-kubernetes-preserve-unknown-fields" not in schema:
        made.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
    return made


@cache
def _validators() -> dict[tuple[str, str], Draft202012Validator]:
    found = {}
    for path in CRDS.glob("*.yaml.gz"):
        definition = yaml.load(gzip.decompress(path.read_bytes()), yaml.CSafeLoader)["spec"]
        for version in definition["versions"]:
            schema = version["schema"]["openAPIV3Schema"]
            schema["properties"]["metadata"] = {"type": "object"}
            key = f"{definition['group']}/{version['name']}", definition["names"]["kind"]
            found[key] = Draft202012Validator(_closed(schema))
    return found


def _problems(manifest: Any) -> list[str]:
    validator = _validators()[manifest["apiVersion"], manifest["kind"]]
    return [f"{error.instance_path}: {error.message[:200]}" for error in validator.iter_errors(manifest)]


def _exported(**chosen: str) -> dict[str, list[Any]]:
    settings = _settings(chosen)
    topology = topology_of(settings)
    derived = derive(settings, topology.sizing)
    ours = parameters(postgresql_conf(settings, topology, derived, topology.primary))
    request = ExportRequest(
        host="db.example",
        port=5440,
        storage=50 << 30,
        parameters=server_parameters(ours),
        libraries=tuple(preloaded(ours)),
        pooler=pooler_parameters(pgbouncer_ini(settings, topology, derived)),
        hba=("hostssl appdb app 10.0.0.0/8 scram-sha-256",),
    )
    texts = {name: manifest_text(list(objects)) for name, objects in manifests(settings, request).items()}
    return {name: list(yaml.safe_load_all(text)) for name, text in texts.items()}


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        S3,
        {"PODS_SYNC": "any:1"},
        {"PODS_SYNC": "first:2", "PODS_REPLICAS": "3"},
        {"PODS_PROJECT": "a_b-"},
        {"PODS_EXTENSIONS": "pgaudit"},
        {**S3, "BACKUP_SCHEDULE": "15 1 * * 7"},
    ],
    ids=str,
)
def test_what_is_written_is_what_the_operator_s_definitions_allow(chosen: dict[str, str]) -> None:
    for name, objects in _exported(**chosen).items():
        for manifest in objects:
            assert _problems(manifest) == [], name


def test_the_definitions_refuse_what_is_wrong() -> None:
    cluster = _exported()["20-cluster.yaml"][0]
    cluster["spec"]["postgresql"]["parameters"]["max_connections"] = 100
    cluster["spec"]["instance"] = 3
    problems = _problems(cluster)
    assert any("max_connections" in problem for problem in problems)
    assert any("instance" in problem for problem in problems)


def test_the_replica_cluster_streams_from_here_and_is_not_promoted_by_itself() -> None:
    spec = _exported()["20-cluster.yaml"][0]["spec"]
    assert spec["replica"] == {"enabled": True, "source": "compose"}
    assert spec["bootstrap"]["pg_basebackup"]["source"] == "compose"
    [source] = spec["externalClusters"]
    assert source["connectionParameters"]["sslmode"] == "verify-full"


def test_a_standby_has_no_less_than_its_source() -> None:
    settings = _settings({"PODS_MAX_CONNECTIONS": "250"})
    assert settings.max_connections == 250
    given_there = _exported(PODS_MAX_CONNECTIONS="250")["20-cluster.yaml"][0]["spec"]["postgresql"]["parameters"]
    assert given_there["max_connections"] == "250"
    assert {"max_wal_senders", "max_slot_wal_keep_size", "shared_buffers"} <= given_there.keys()


def test_no_parameter_is_the_operator_s_own_nor_needs_what_kubernetes_forbids() -> None:
    kept = server_parameters(
        {
            "io_method": "io_uring",
            "ssl_ca_file": "x",
            "archive_command": "x",
            "recovery_target_lsn": "x",
            "include_if_exists": "x",
            "synchronous_standby_names": "x",
            "work_mem": "4MB",
        }
    )
    assert kept == {"io_method": "worker", "work_mem": "4MB"}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("0 2 * * *", "0 0 2 * * *"),
        ("15 1 * * 7", "0 15 1 * * 0"),
        ("15 1 1,15 JAN MON-FRI", "0 15 1 1,15 JAN MON-FRI"),
        ("0 0 * * 5-7", "0 0 0 * * 5,6,0"),
        ("0 0 * * 1-7/2", "0 0 0 * * 1,3,5,0"),
        ("*/10 * * * *", "0 */10 * * * *"),
    ],
)
def test_a_schedule_begins_with_seconds_and_has_sunday_as_0(ours: str, theirs: str) -> None:
    assert six_fields(ours) == theirs


@pytest.mark.parametrize("schedule", ["0 2 L * *", "0 2 * * 5#2", "0 2 LW * *"])
def test_a_word_that_the_operator_does_not_know_is_refused(schedule: str) -> None:
    with pytest.raises(UsageError, match="does not know"):
        six_fields(schedule)


@given(st.from_regex(r"[a-z0-9][a-z0-9_-]{0,30}", fullmatch=True))
def test_a_name_is_one_that_kubernetes_takes(project: str) -> None:
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", kubernetes_name(project))


def test_no_manifest_holds_a_secret_and_the_script_names_files_only(tmp_path: Path) -> None:
    chosen = {**S3, "AWS_ACCESS_KEY_ID": "AKIASECRET", "AWS_SECRET_ACCESS_KEY": "verysecretkey"}
    text = secrets_script(_settings(chosen)) + str(_exported(**chosen))
    assert "AKIASECRET" not in text
    assert "verysecretkey" not in text
    script = tmp_path / "secrets.sh"
    script.write_text(secrets_script(_settings(chosen)))
    subprocess.run(["sh", "-n", script], check=True)
    wanted = {name for words in map(shlex.split, _commands(script)) for name in words if name.startswith("pods-")}
    named = set(re.findall(r"'name': '(pods-[a-z0-9-]+)'", str(_exported(**chosen))))
    made = {"pods-store", "pods", "pods-backups", "pods-pooler-rw", "pods-pooler-ro"}
    assert wanted == named - made


def _commands(script: Path) -> list[str]:
    return [line for line in script.read_text().splitlines() if line.startswith(("login ", "kubectl "))]
