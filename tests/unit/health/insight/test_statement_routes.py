import json
import time
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest

from cluster.config.env_file import services_env
from cluster.config.mounted import MountedConfig
from cluster.insight.statement_document import parse_document
from cluster.insight.statement_history import BUCKET, StatementBucket, rest_of
from cluster.insight.statements import StatementKey, StatementWork
from cluster.topology_file import dump
from health.insight.statement_recorder import StatementRecorder
from health.insight.statement_store import FILE, StatementStore
from health.openapi import document
from tests.fix_settings import settings_of, topology_of
from tests.unit.health.status_samples import Client, polled

SECRET = b"secret"
BEARER = {"authorization": "Bearer secret"}
KEY = StatementKey(node="primary", database="appdb", role="app", queryid=-(1 << 60) - 1)
PATH = "/insight/statements"


def _begun() -> int:
    return int(time.time()) // BUCKET * BUCKET


def _recorder(store: StatementStore, root: Path) -> StatementRecorder:
    settings = settings_of(replicas="0")
    (root / ".env").write_text(services_env(settings))
    (root / "topology.json").write_text(dump(topology_of(settings)))
    (root / "monitor_password").write_text("x")
    return StatementRecorder(MountedConfig(root=root, secrets=root, ca=root / "ca.crt"), store)


def _filled(root: Path) -> StatementStore:
    store, begun = StatementStore(root), _begun()
    works = {KEY: StatementWork(calls=3, exec_seconds=1.5), rest_of("primary"): StatementWork(calls=7, rows=1)}
    for n in range(24):
        store.put([StatementBucket(begun=begun - n * BUCKET, length=BUCKET, works=works, read={"primary": 300.0})])
    store.put_texts({("appdb", KEY.queryid): "SELECT 1"}, begun)
    return store


def _client(tmp_path: Path) -> Client:
    return Client(polled(), SECRET, everywhere=False, recorder=_recorder(_filled(tmp_path), tmp_path))


def test_a_span_comes_with_its_texts_and_the_span_before(tmp_path: Path) -> None:
    answer = _client(tmp_path).get(f"{PATH}?since=1500", BEARER)
    schema = document()["paths"][PATH]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(answer.json(), {**schema, "components": document()["components"]})
    found = parse_document(answer.content)
    assert answer.headers["cache-control"] == "no-store"
    assert found.works[KEY].calls == 3 * 6
    assert found.before is not None
    assert 3 * 5 <= found.before[KEY].calls <= 3 * 6
    assert found.texts == {("appdb", KEY.queryid): "SELECT 1"}
    assert found.coverage["primary"].read_seconds == 6 * 300
    assert answer.json()["works"][0]["queryid"] == str(KEY.queryid)


def test_it_says_from_when_on_it_knows(tmp_path: Path) -> None:
    found = parse_document(_client(tmp_path).get(f"{PATH}?since={86400 * 14}", BEARER).content)
    assert found.since == pytest.approx(_begun() - 23 * BUCKET, abs=BUCKET)
    assert found.before is None


def test_the_rest_belongs_to_no_database(tmp_path: Path) -> None:
    client = _client(tmp_path)
    assert len(client.get(PATH, BEARER).json()["works"]) == 2
    assert [each["database"] for each in client.get(f"{PATH}?database=appdb", BEARER).json()["works"]] == ["appdb"]
    assert client.get(f"{PATH}?database=x", BEARER).json()["works"] == []


def test_nobody_without_the_secret_reads_it(tmp_path: Path) -> None:
    assert _client(tmp_path).get(PATH).status_code == 401


@pytest.mark.parametrize(
    "query",
    ["since=", "since=x", "since=nan", "since=-1", "since=inf", "since=60&since=60", "since=60&until=60", "since=1e300",
     "since=9999999999", "until=7200", "until=99999999999", "more=1",
     "since=1e3", "since=%2060", "since=6_0", "since=٣٦٠٠", "since=60%0A"],
)  # fmt: skip
def test_a_malformed_query_is_refused(tmp_path: Path, query: str) -> None:
    answer = _client(tmp_path).get(f"{PATH}?{query}", BEARER)
    assert answer.status_code == 400
    assert "since" in answer.json()["detail"] or "until" in answer.json()["detail"]


def test_a_name_that_no_database_can_have_is_refused(tmp_path: Path) -> None:
    client = _client(tmp_path)
    assert client.get(f"{PATH}?database={'x' * 63}", BEARER).status_code == 200
    refused = client.get(f"{PATH}?database={'x' * 64}", BEARER)
    assert (refused.status_code, "63 characters" in refused.json()["detail"]) == (400, True)


def test_a_node_that_is_not_there_is_named_and_a_store_that_is_not_either(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    recorder = _recorder(StatementStore(tmp_path), tmp_path)
    recorder.record()
    found = parse_document(Client(polled(), SECRET, recorder=recorder).get(PATH, BEARER).content)
    assert found.works == {}
    assert "primary" in found.unread["primary"]
    assert "unable to open" in found.unread["history"]


def test_it_records_also_when_the_file_is_taken_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = _filled(tmp_path)
    recorder = _recorder(store, tmp_path)
    for file in tmp_path.glob(f"{FILE}*"):
        file.unlink()
    recorder.record()
    recorder.record()
    assert json.loads(Client(polled(), SECRET, recorder=recorder).get(PATH, BEARER).content)["unread"].keys() == {
        "primary"
    }
    assert caplog.messages == []
