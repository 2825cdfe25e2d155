"""The exporter's pages, asked over HTTP as Prometheus asks."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.config.mounted import MountedConfig
from exporters.metrics.probe import STATES
from exporters.server import _LEAST, PATIENCE, app, patience, service_discovery
from tests.fix_settings import settings_of, topology_of
from tests.unit.asgi_client import Asker, asking
from tests.unit.config_samples import elsewhere, mount, mounted
from tests.unit.exporters.exposition import OPENMETRICS, Samples, samples_in, value_of

SETTINGS = settings_of(project="shop")
TOPOLOGY = topology_of(SETTINGS)
TIMEOUT = "x-prometheus-scrape-timeout-seconds"


@pytest.fixture
def window(tmp_path: Path) -> MountedConfig:
    """A cluster of two replicas."""
    return mounted(tmp_path, SETTINGS, TOPOLOGY)


@pytest.fixture
def client(window: MountedConfig) -> Iterator[Asker]:
    """Someone who asks an exporter whose servers are where the network says."""
    with asking(app(window)) as asker:
        yield asker


@pytest.fixture
def refused(window: MountedConfig, free_port: int) -> Iterator[Asker]:
    """Someone who asks an exporter none of whose servers runs."""
    with asking(app(elsewhere(window, free_port))) as asker:
        yield asker


@contextmanager
def _silent_server() -> Iterator[socket.socket]:
    """A server that lets everybody connect and never says a word, like a paused one."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1024)
        yield listening


def _samples(response: httpx.Response) -> Samples:
    assert response.status_code == 200
    return samples_in(response.content, response.headers["content-type"])


def _state(samples: Samples) -> list[str]:
    return [state for state in STATES if value_of(samples, "pods_node_state", state=state)]


@pytest.mark.parametrize("header", [None, "", "soon", "nan", "-1", "0", "inf", "10", "3.5"])
def test_without_a_tighter_limit_a_look_may_take_three_seconds(header: str | None) -> None:
    assert patience(header) == PATIENCE == 3


@pytest.mark.parametrize(("header", "seconds"), [("3", 2.5), ("2", 1.5), ("1", 0.5), ("0.2", 0.5)])
def test_a_look_ends_before_prometheus_gives_up(header: str, seconds: float) -> None:
    assert patience(header) == seconds


@given(st.one_of(st.none(), st.text(), st.floats().map(str)))
def test_whatever_the_header_says_patience_has_its_bounds(header: str | None) -> None:
    assert _LEAST <= patience(header) <= PATIENCE


@pytest.mark.parametrize("node", TOPOLOGY.names)
def test_a_node_that_refuses_is_down_and_why(refused: Asker, node: str) -> None:
    samples = _samples(refused.get(f"/probe?target={node}"))
    assert value_of(samples, "pg_up") == 0
    assert _state(samples) == ["refused"]


def test_a_node_that_says_nothing_is_down_before_prometheus_gives_up(window: MountedConfig) -> None:
    with _silent_server() as server, asking(app(elsewhere(window, server.getsockname()[1]))) as client:
        began = time.monotonic()
        samples = _samples(client.get("/probe?target=primary", headers={TIMEOUT: "1"}))
        assert time.monotonic() - began < 1.5
    assert value_of(samples, "pg_up") == 0
    assert _state(samples) == ["timeout"]


def _accepted(server: socket.socket) -> Iterator[socket.socket]:
    """The connections that wait at ``server`` now."""
    server.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            yield server.accept()[0]


def test_hundreds_of_scrapes_at_once_cost_a_server_one_connection(window: MountedConfig) -> None:
    with _silent_server() as server, asking(app(elsewhere(window, server.getsockname()[1]))) as client:
        answers = client.get_at_once("/probe?target=primary", 300, {TIMEOUT: "1"})
        connections = list(_accepted(server))
    for connection in connections:
        connection.close()
    assert len(connections) == 1
    assert {value_of(_samples(answer), "pg_up") for answer in answers} == {0.0}


def test_what_was_asked_for_is_the_format_of_the_answer(refused: Asker) -> None:
    answer = refused.get("/probe?target=primary", headers={"accept": OPENMETRICS})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert value_of(_samples(answer), "pg_up") == 0


@pytest.mark.parametrize(
    "query", ["", "?target=", "?target=nobody", "?target=localhost", "?target=the%20stack", "?target=<script>"]
)
def test_nobody_is_sent_to_a_server_that_is_no_node(refused: Asker, query: str) -> None:
    answer = refused.get(f"/probe{query}")
    assert answer.status_code == 400
    assert "primary, replica1, replica2" in answer.text
    assert "script" not in answer.text


def test_the_rest_of_the_stack_is_told_though_nothing_of_it_answers(refused: Asker) -> None:
    samples = _samples(refused.get("/metrics"))
    assert value_of(samples, "pgbouncer_up") == 0
    assert value_of(samples, "pods_gate_up") == 0
    assert value_of(samples, "pods_cluster_nodes_expected", role="replica") == 2
    assert value_of(samples, "process_cpu_seconds_total") > 0


def test_a_pgbouncer_that_says_nothing_is_down_and_hides_no_other(window: MountedConfig) -> None:
    with _silent_server() as server, asking(app(elsewhere(window, server.getsockname()[1]))) as client:
        samples = _samples(client.get("/metrics", headers={TIMEOUT: "5"}))
    assert value_of(samples, "pgbouncer_up") == 0
    assert value_of(samples, "pods_cluster_nodes_expected", role="primary") == 1


def test_every_node_is_a_target_with_its_own_name(client: Asker) -> None:
    answer = client.get("/sd")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == [
        {
            "targets": ["exporter:9187"],
            "labels": {
                "__metrics_path__": "/probe",
                "__param_target": name,
                "instance": name,
                "cluster": "shop",
            },
        }
        for name in ("primary", "replica1", "replica2")
    ]


def test_targets_are_reached_the_way_the_question_came(window: MountedConfig) -> None:
    assert service_discovery(window.read(), "other:1234")[0]["targets"] == ["other:1234"]
    with asking(app(window), "http://127.0.0.1:29187") as client:
        answer = client.get("/sd").json()
    assert {target for group in answer for target in group["targets"]} == {"127.0.0.1:29187"}


def test_a_target_that_is_told_can_be_asked(refused: Asker) -> None:
    for group in refused.get("/sd").json():
        labels = group["labels"]
        assert refused.get(f"{labels['__metrics_path__']}?target={labels['__param_target']}").status_code == 200


def test_a_replica_that_comes_is_a_target_at_the_next_question_and_one_that_went_is_none(
    client: Asker, tmp_path: Path
) -> None:
    client.get("/sd")
    mount(tmp_path, SETTINGS, TOPOLOGY.add("blue").remove("replica1"))
    names = [group["labels"]["instance"] for group in client.get("/sd").json()]
    assert sorted(names) == ["blue", "primary", "replica2"]
    assert client.get("/probe?target=replica1").status_code == 400


BROKEN = {
    "no topology": lambda root: (root / "topology.json").unlink(),
    "a broken topology": lambda root: (root / "topology.json").write_text("{"),
    "a broken setting": lambda root: (root / ".env").write_text("PODS_REPLICAS=many\n"),
}


@pytest.mark.parametrize("page", ["/", "/sd", "/probe?target=primary", "/metrics", "/-/ready"])
@pytest.mark.parametrize("damage", BROKEN)
def test_an_exporter_that_does_not_know_its_cluster_says_so(
    client: Asker, window: MountedConfig, damage: str, page: str
) -> None:
    BROKEN[damage](window.root)
    answer = client.get(page)
    assert answer.status_code == 503
    assert re.match(r".*(topology|PODS_REPLICAS).*\n\Z", answer.text)
    assert client.get("/-/healthy").status_code == 200


@pytest.mark.parametrize("page", ["/probe?target=primary", "/metrics"])
def test_a_missing_secret_is_told_by_its_path(client: Asker, window: MountedConfig, page: str) -> None:
    (window.secrets / "monitor_password").unlink()
    answer = client.get(page)
    assert answer.status_code == 503
    assert "monitor_password" in answer.text


def test_an_exporter_that_knows_its_cluster_is_ready(client: Asker) -> None:
    assert client.get("/-/ready").text == "ready\n"
    assert client.get("/-/healthy").text == "healthy\n"


def test_the_first_page_leads_to_every_other(client: Asker) -> None:
    page = client.get("/")
    links = re.findall(r'href="([^"]+)"', page.text)
    assert links == [*(f"/probe?target={name}" for name in TOPOLOGY.names), "/metrics", "/sd"]


def test_no_page_tells_a_password(refused: Asker) -> None:
    for page in ("/", "/sd", "/probe?target=primary", "/metrics", "/-/ready"):
        assert "swordfish" not in refused.get(page).text
