import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from cluster.backup_status import BackupSummary
from cluster.config.mounted import MountedConfig
from cluster.observed.pooler import PoolsReading
from health.checks import CHECKS
from health.openapi import document
from health.watcher import TOO_OLD, ClusterWatcher
from tests.unit.health.status_samples import TOPOLOGY, WELL, Client, polled, view_of
from tests.unit.snapshot_samples import silent, with_facts, with_node

DOCUMENT = document()
LOST = view_of(silent(silent(silent(WELL, "primary"), "replica1"), "replica2"))
VIEWS = {
    "well": replace(view_of(), backup=BackupSummary(last_success=1.0, last_backup="b")),
    "no primary": view_of(silent(WELL, "primary")),
    "replica cut": view_of(with_node(with_facts(WELL, "replica1", receiver_status=None), "primary", standbys=())),
    "two primaries": view_of(with_facts(WELL, "replica1", in_recovery=False)),
    "no pooler": view_of(replace(WELL, pooler=PoolsReading(error="refused"))),
    "all lost": LOST,
}


def _client(watcher: ClusterWatcher | None = None, secret: bytes = b"") -> Client:
    return Client(watcher or polled(), secret)


def _paths() -> list[str]:
    paths = [path for path in DOCUMENT["paths"] if path != "/events"]
    return sorted({p.replace("{name}", name) for p in paths for name in ("primary", "replica1", "nobody")})


def _schema(path: str, status: int, kind: str) -> dict[str, Any]:
    described = DOCUMENT["paths"].get(path) or DOCUMENT["paths"][re.sub(r"^/(nodes|health)/[^/]+", r"/\1/{name}", path)]
    schema = described["get"]["responses"][str(status)]["content"][kind]["schema"]
    return {**schema, "components": DOCUMENT["components"]}


@pytest.mark.parametrize("name", VIEWS)
def test_every_answer_is_as_the_document_says(name: str) -> None:
    client = _client(polled(VIEWS[name]))
    for path in _paths():
        answer = client.get(path)
        kind = answer.headers["content-type"].split(";")[0]
        if path not in ("/", "/openapi.json"):
            jsonschema.validate(answer.json(), _schema(path, answer.status_code, kind))


@pytest.mark.parametrize("name", ["well", "no primary"])
def test_what_programs_read_stays_as_it_is(name: str, golden: Callable[[str, str], None]) -> None:
    table = polled(VIEWS[name]).latest
    assert table is not None
    paths = ("/health", "/health/replication", "/cluster", "/replica", "/nodes/replica1")
    lines = [f"{path} {table.answers[path].status} {table.answers[path].body(0).decode()}\n" for path in paths]
    golden(f"health-{name.replace(' ', '-')}.txt", "".join(lines))


def test_every_route_is_in_the_document() -> None:
    assert not {f"/{check}" for check in CHECKS} - DOCUMENT["paths"].keys()
    table = polled().latest
    assert table is not None
    for path in table.answers:
        general = re.sub(r"^/(nodes|health)/(primary|replica\d)", r"/\1/{name}", path)
        assert path in DOCUMENT["paths"] or general in DOCUMENT["paths"], path


def test_a_healthy_cluster() -> None:
    answer = _client().get("/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "healthy"
    assert answer.json()["primary"] == "primary"
    assert 0 <= answer.json()["age"] < 5


def test_a_degraded_cluster_says_why() -> None:
    answer = _client(polled(VIEWS["no primary"])).get("/health")
    assert answer.status_code == 503
    assert answer.json()["reasons"][0] == "primary (primary) does not answer: connection refused → run: inv up"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/primary", 200),
        ("/read-write", 200),
        ("/replica", 200),
        ("/replica?lag=10MB", 200),
        ("/synchronous", 503),
        ("/asynchronous", 200),
        ("/readiness", 200),
        ("/liveness", 200),
        ("/livez", 200),
        ("/readyz", 200),
        ("/cluster", 200),
        ("/nodes/primary/primary", 200),
        ("/nodes/primary/replica", 503),
        ("/nodes/replica1/primary", 503),
        ("/nodes/replica1/replica", 200),
        ("/nodes/replica1/read-only", 200),
        ("/nodes/replica1", 200),
        ("/health/replica1", 200),
        ("/health/primary", 200),
        ("/health/master", 200),
        ("/health/replication", 200),
        ("/nodes/nobody", 404),
        ("/nodes/nobody/replica", 404),
        ("/health/nobody", 404),
        ("/nodes/replica1/nonsense", 404),
        ("/nonsense", 404),
        ("/nodes", 404),
        ("/nonsense/at/all/of/it", 404),
        ("/replica?lag=much", 400),
        ("/replica?lag=1MB&lag=2MB", 400),
        ("/nodes/replica1/replica?lga=1MB", 400),
        ("/nodes/nobody/replica?lag=much", 404),
        ("/page/../app.py", 404),
        ("/page/%2e%2e%2fapp.py", 404),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_codes_are_the_same_for_every_method(path: str, code: int, method: str) -> None:
    answer = _client().request(method, path)
    assert answer.status_code == code
    if method != "GET" and code in (200, 503):
        assert answer.content == b""
    if method == "GET" and code in (400, 404):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == code


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
@pytest.mark.parametrize("path", ["/health", "/primary", "/nodes/replica1/replica", "/"])
def test_nothing_can_be_changed(method: str, path: str) -> None:
    answer = _client().request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    assert answer.headers["content-type"] == "application/problem+json"


def test_which_nodes_pass_for_the_cluster() -> None:
    client = _client(polled(VIEWS["replica cut"]))
    assert client.get("/replica").json()["nodes"] == ["replica1", "replica2"]
    assert client.get("/replica?replication_state=streaming").json()["nodes"] == ["replica2"]
    assert client.get("/primary").json()["nodes"] == ["primary"]


def test_the_primary_is_asked_for_by_role_or_by_name() -> None:
    topology = replace(TOPOLOGY, primary="replica1")
    switched = with_facts(with_facts(WELL, "primary", in_recovery=True), "replica1", in_recovery=False)
    client = _client(polled(view_of(switched, topology=topology)))
    assert client.get("/health/primary").json()["name"] == "replica1"
    assert client.get("/nodes/primary/primary").status_code == 503
    assert client.get("/nodes/replica1/primary").status_code == 200


def test_with_every_node_lost_there_is_an_answer_with_reasons() -> None:
    client = _client(polled(LOST))
    answer = client.get("/health")
    assert answer.status_code == 503
    assert len([r for r in answer.json()["reasons"] if "does not answer" in r]) == 3
    assert {client.get(f"/{check}").status_code for check in CHECKS} == {503}
    assert client.get("/livez").status_code == 200


def test_what_is_too_old_is_no_knowledge() -> None:
    client = _client(polled(age=TOO_OLD + 1))
    for path in ("/health", "/primary", "/nodes/replica1/replica", "/livez", "/liveness", "/readyz", "/cluster"):
        answer = client.get(path)
        assert answer.status_code == 503, path
        assert "s old" in answer.json()["detail"]


def test_before_the_first_look_nothing_is_known() -> None:
    answer = _client(ClusterWatcher(MountedConfig())).get("/health")
    assert answer.status_code == 503
    assert "it has not looked yet" in answer.json()["detail"]


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("Bearer s3cret-s3cret", 200),
        ("bearer s3cret-s3cret", 200),
        (_basic("health", "s3cret-s3cret"), 200),
        (None, 401),
        ("Bearer wrong", 401),
        ("Bearer", 401),
        (_basic("admin", "s3cret-s3cret"), 401),
        (_basic("health", "wrong"), 401),
        ("Basic !!!", 401),
        ("Digest s3cret-s3cret", 401),
        ("s3cret-s3cret", 401),
    ],
)
@pytest.mark.parametrize("path", ["/health", "/", "/nodes/replica1/replica?lag=1MB", "/nonsense", "/page/page.js"])
def test_a_secret_is_asked_for_everywhere(path: str, header: str | None, code: int) -> None:
    client = _client(secret=b"s3cret-s3cret")
    answer = client.get(path, headers={"Authorization": header} if header else {})
    assert answer.status_code == (404 if code == 200 and path == "/nonsense" else code)
    if code == 401:
        assert answer.headers.get_list("www-authenticate")[0].startswith("Basic realm=")
        assert "s3cret" not in answer.text


@pytest.mark.parametrize("path", ["/dashboards", "/dashboards/pods-node/panels/3?from=1", "/insight", "/insight/x"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
def test_metrics_and_statements_always_ask_for_the_secret(path: str, method: str) -> None:
    client = Client(polled(), b"s3cret-s3cret", everywhere=False)
    assert client.get("/health").status_code == client.get("/").status_code == 200
    refused = client.request(method, path)
    assert refused.status_code == 401
    assert refused.headers.get_list("www-authenticate")[0].startswith("Basic realm=")
    for header in ("Bearer s3cret-s3cret", _basic("health", "s3cret-s3cret")):
        assert client.request(method, path, headers={"Authorization": header}).status_code != 401


def test_without_a_secret_nobody_reads_metrics_and_statements() -> None:
    for header in ("Bearer", "Bearer ", _basic("health", "")):
        for path in ("/dashboards", "/insight"):
            assert _client().get(path, headers={"Authorization": header}).status_code == 401


def test_the_engine_s_own_check_needs_no_secret_and_tells_nothing() -> None:
    answer = _client(secret=b"s3cret").get("/livez")
    assert answer.status_code == 200
    assert answer.json().keys() == {"alive", "age"}


def test_answers_are_not_to_be_kept() -> None:
    for path in ("/health", "/replica?lag=1MB", "/nonsense", "/", "/history"):
        assert _client().get(path).headers["cache-control"] == "no-store"


def test_the_history_is_the_last_minutes() -> None:
    points = _client().get("/history").json()["points"]
    assert [point["lag"] for point in points] == [{"replica1": 0, "replica2": 0}]


def test_the_document_is_served() -> None:
    assert _client().get("/openapi.json").json() == json.loads(json.dumps(DOCUMENT))
